"""Diverse embedding expansion (DEE) of DEEN: several feature maps from one."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

DILATIONS = (1, 2, 3)


class DiverseEmbeddingExpansion(nn.Module):
    """f₊ = θ(ReLU(φ₁(f) + φ₂(f) + φ₃(f))) for each branch (Zhang and Wang, CVPR 2023, eq. 1).

    φ are 3×3 convolutions of dilation 1, 2 and 3 to a quarter of the channels, θ is 1×1 and restores them. The
    original map stays the first of the stack, so that "three branches" are it and two generated ones.

    Args:
        channels: of the map; a multiple of 4.
        branches: maps that come out, the original included; at least 2.
        form: the release divides the sum by 3 and drops 1 % of the whole stack's values in training, the copied
            original's too. Both forms start as the same function, with the release's initial weights (Kaiming, by
            inputs): generated maps that were much larger would drown the original in the next batch normalisation.
    """

    def __init__(self, channels: int, branches: int = 3, form: Literal["paper", "release"] = "paper") -> None:
        super().__init__()
        if branches < 2 or channels % 4:
            raise ValueError(f"channels ({channels}) must be a multiple of 4, branches ({branches}) at least 2.")
        inner, self.branches = channels // 4, branches
        self.reduce = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(channels, inner, 3, padding=d, dilation=d, bias=False) for d in DILATIONS)
            for _ in range(branches - 1)
        )
        self.restore = nn.ModuleList(nn.Conv2d(inner, channels, 1) for _ in range(branches - 1))
        self.divisor = len(DILATIONS) if form == "release" else 1
        self.dropout = nn.Dropout(0.01 if form == "release" else 0.0)
        for convolution in self.modules():
            if isinstance(convolution, nn.Conv2d):
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        with torch.no_grad():
            for convolution in (each for branch in self.reduce for each in branch):
                convolution.weight.mul_(self.divisor / len(DILATIONS))
            for convolution in self.restore:
                convolution.bias.zero_()

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "branches_batch channels height width"]:
        """[B, C, h, w] → [branches·B, C, h, w]: the original batch, then each branch's."""
        stack = [maps]
        for reduce, restore in zip(self.reduce, self.restore, strict=True):
            summed = sum(convolution(maps) for convolution in reduce) / self.divisor
            stack.append(restore(torch.relu(summed)))
        return self.dropout(torch.cat(stack))
