"""CycleGAN-Turbo: a one-step text-to-image model made a translator between two modalities, without pairs."""

from vireid_lib.generators.cyclegan_turbo.cyclegan_turbo import CycleGanTurbo

GENERATOR = CycleGanTurbo
