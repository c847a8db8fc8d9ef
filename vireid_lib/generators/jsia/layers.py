"""Layers of JSIA-ReID's encoders and decoders: reflected convolutions, AdaIN, a normalisation of whole maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Maps = Float[Tensor, "batch channels height width"]
EPSILON = 1e-5


class Convolution(nn.Module):
    """A convolution with reflected borders, then a normalisation and an activation, if given."""

    def __init__(
        self,
        channels: int,
        out: int,
        size: int,
        *,
        stride: int = 1,
        padding: int,
        norm: nn.Module | None = None,
        activation: Callable[[Tensor], Tensor] | None = functional.relu,
    ) -> None:
        super().__init__()
        self.norm, self.activation, self.padding = norm, activation, padding
        self.conv = nn.Conv2d(channels, out, size, stride)

    def forward(self, maps: Maps) -> Maps:
        maps = self.conv(functional.pad(maps, (self.padding,) * 4, mode="reflect"))
        maps = maps if self.norm is None else self.norm(maps)
        return maps if self.activation is None else self.activation(maps)


class MapNorm(nn.Module):
    """(x − mean) / (deviation + ε) over all values of a sample, then a gain and a shift for each channel.

    As released: the unbiased deviation, ε outside the root; what MUNIT calls layer normalisation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Maps) -> Maps:
        mean, deviation = maps.mean((1, 2, 3), keepdim=True), maps.std((1, 2, 3), keepdim=True)
        return (maps - mean) / (deviation + EPSILON) * self.gamma[:, None, None] + self.beta[:, None, None]


def adaptive_instance_norm(
    maps: Maps, scale: Float[Tensor, "batch channels"], shift: Float[Tensor, "batch channels"]
) -> Maps:
    """Each channel of each sample to mean 0 and (biased) variance 1, then times `scale` plus `shift`: AdaIN (Huang and
    Belongie 2017), with what a style says for scale and shift."""
    return functional.instance_norm(maps, eps=EPSILON) * scale[:, :, None, None] + shift[:, :, None, None]


class AdaptiveBlock(nn.Module):
    """Two 3×3 convolutions with AdaIN beside the identity, no activation after the second."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, 3, padding=1, activation=None)
        self.second = Convolution(channels, channels, 3, padding=1, activation=None)

    def forward(self, maps: Maps, parameters: Float[Tensor, "batch 2 2 channels"]) -> Maps:
        """`parameters`: of each of the two norms, shift then scale."""
        (shift, scale), (shift2, scale2) = (norm.unbind(1) for norm in parameters.unbind(1))
        inside = functional.relu(adaptive_instance_norm(self.first(maps), scale, shift))
        return maps + adaptive_instance_norm(self.second(inside), scale2, shift2)
