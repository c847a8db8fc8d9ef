"""An exponential moving average of a network's weights, to put among a task's `extras`."""

import copy

import torch
from torch import nn


class WeightAverage(nn.Module):
    """`average.module` follows a network: average ← decay · average + (1 − decay) · network; 0.999 remembers about a
    thousand steps. Call `update` in the task's `after_step`.

    Early on the decay is capped at (1 + n) / (10 + n) after n updates, so that the first, random weights are forgotten
    soon. Buffers (running statistics) are copied as they are.
    """

    def __init__(self, source: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(source).requires_grad_(False).eval()
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, source: nn.Module) -> None:
        """Move towards `source`, which has the same structure as the network given at the start."""
        source = getattr(source, "module", source)  # DistributedDataParallel's inner network
        self.updates += 1
        done = int(self.updates)
        share = 1 - min(self.decay, (1 + done) / (10 + done))
        own, other = list(self.module.parameters()), [p.detach() for p in source.parameters()]
        torch._foreach_lerp_(own, other, share)
        for mine, theirs in zip(self.module.buffers(), source.buffers(), strict=True):
            mine.copy_(theirs)
