"""Learning rates as functions of the step or epoch: a task calls these in `before_step`."""

import math

from torch.optim import Optimizer


def one_cycle(step: int, steps: int) -> float:
    """Share of the peak learning rate at `step` (0-based) of `steps`: a cosine from 0.04 up to 1 over the first 30 % of
    the steps, then a cosine down to 4e-6 (Smith & Topin 2019, "Super-Convergence")."""
    peak = 0.3 * steps - 1
    if step <= peak:
        low, high, share = 0.04, 1.0, step / max(peak, 1e-9)
    else:
        low, high, share = 1.0, 4e-6, (step - peak) / max(steps - 1 - peak, 1e-9)
    return low + (high - low) * (1 - math.cos(math.pi * min(share, 1.0))) / 2


def warm_up_and_drops(epoch: int, *, warm_up: int, drops: tuple[int, ...]) -> float:
    """Share of the base learning rate at `epoch` (0-based): (epoch + 1) / warm_up during the warm-up, then 1,
    divided by ten from each epoch in `drops` on (released AGW: warm_up=10, drops=(20, 50))."""
    if epoch < warm_up:
        return (epoch + 1) / warm_up
    return 0.1 ** sum(epoch >= drop for drop in drops)


def late_decline(step: int, steps: int) -> float:
    """CycleGAN's and StarGAN's share of the base rate at `step` (0-based) of `steps`: 1 for half, then a line to 0."""
    return min(1.0, 2 * (1 - step / steps))


def scale_learning_rates(optimizer: Optimizer, share: float) -> None:
    """Set every group's learning rate to `share` of its `initial_lr` (the rate it was created with)."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * share
