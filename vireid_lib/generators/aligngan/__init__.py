"""AlignGAN: pixels and features aligned by one training."""

from vireid_lib.generators.aligngan.aligngan import AlignGan

GENERATOR = AlignGan
