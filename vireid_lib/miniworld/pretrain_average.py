"""Exponential moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps `decay * average + (1 - decay) * weights`; early on the decay is smaller, so that it catches up."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.average = {
            f"{name}.{key}": tensor.detach().clone()
            for name, module in modules.items()
            for key, tensor in module.named_parameters()
        }

    @torch.no_grad()
    def update(self, modules: dict[str, nn.Module]) -> None:
        """Take in the present weights of `modules` (the same as at the start)."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = [tensor for module in modules.values() for tensor in module.parameters()]
        torch._foreach_lerp_(list(self.average.values()), current, 1 - decay)

    @torch.no_grad()
    def copy_to(self, modules: dict[str, nn.Module]) -> None:
        """Overwrite the weights of `modules` by their average."""
        for name, module in modules.items():
            for key, tensor in module.named_parameters():
                tensor.copy_(self.average[f"{name}.{key}"])

    def state_dict(self) -> dict[str, Tensor | int]:
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state) -> None:
        self.updates = state["updates"]
        for key, tensor in self.average.items():
            tensor.copy_(state["average"][key])
