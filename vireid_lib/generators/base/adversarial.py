"""What trainings of several players share: their turns, optimisers, networks that are held still, least squares."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.generators.base.translation_task import Losses, Modalities, TranslationTask

BETAS = (0.5, 0.999)  # of CycleGAN, StarGAN, AlignGAN, JSIA-ReID and Flow2Flow


def adams(rate: float, *, weight_decay: float = 0.0, **players: Iterable) -> dict[str, torch.optim.Adam]:
    """An optimiser for each player's parameters, or groups of them."""
    options = {"lr": rate, "betas": BETAS, "weight_decay": weight_decay}
    return {name: torch.optim.Adam(parameters, **options) for name, parameters in players.items()}


def freeze(modules: Mapping[str, nn.Module], names: Iterable[str], frozen: bool) -> None:
    """Leave the named modules out of the gradients of what passes through them, or let them learn again."""
    for name in names:
        modules[name].requires_grad_(not frozen)


def toward(scores: Tensor, wanted: float) -> Float[Tensor, ""]:
    """Mean of (D(x) − wanted)²: least squares."""
    return (scores - wanted).square().mean()


def tell_apart(of_real: Tensor, of_made: Tensor) -> Float[Tensor, ""]:
    """Half of (D(x) − 1)² for real images and D(x̂)² for generated ones: a discriminator's loss."""
    return (toward(of_real, 1.0) + toward(of_made, 0.0)) / 2


class AdversarialTask(TranslationTask):
    """Each step: the generators, then their discriminators (modules `discriminator_...`); each has an optimiser."""

    @property
    def discriminators(self) -> list[str]:
        return [name for name in self.modules if name.startswith("discriminator_")]

    def generator_losses(self, real: Modalities, draw: torch.Generator) -> tuple[Losses, Any]:
        """The losses, of which "total" is minimised, and what `discriminator_losses` needs of the generated images."""
        raise NotImplementedError

    def discriminator_losses(self, real: Modalities, made: Any, draw: torch.Generator) -> Losses:
        """Losses by the discriminators' names, the sum of which is minimised."""
        raise NotImplementedError

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        draw = self.generator(step, "images")
        real = self.real(step, draw)
        freeze(self.modules, self.discriminators, True)
        losses, made = self.generator_losses(real, draw)
        self.update(accelerator, losses["total"], "generators", clip=self.gradient_clip)
        freeze(self.modules, self.discriminators, False)
        of_discriminators = self.discriminator_losses(real, made, draw)
        self.update(accelerator, sum(of_discriminators.values()), "discriminators", clip=self.gradient_clip)
        return {name: value.detach() for name, value in (losses | of_discriminators).items()}
