"""What trainings of several players share: optimisers, networks that are held still for a while, least squares."""

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
