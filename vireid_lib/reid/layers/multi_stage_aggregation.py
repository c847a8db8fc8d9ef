"""Multi-stage feature aggregation (MFA) of DEEN: the map before a stage guides the map after it."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Low = Float[Tensor, "batch low low_height low_width"]
High = Float[Tensor, "batch high height width"]


class MultiStageAggregation(nn.Module):
    """Channel aggregation, then spatial aggregation (Zhang and Wang, CVPR 2023, section 3.4), of a map of `high`
    channels after a stage and one of `low` channels before it, which is `stride` times higher and wider."""

    def __init__(self, high: int, low: int, stride: int = 1, form: Literal["paper", "release"] = "paper") -> None:
        super().__init__()
        self.channel = ChannelAggregation(high, low, low, stride, form)
        self.spatial = SpatialAggregation(high, low, low // 2, 1, form)

    def forward(self, high: High, low: Low) -> High:
        return self.spatial(self.channel(high, low), low)


class _Aggregation(nn.Module):
    """The parts that both aggregations have; θ, φ, g are the paper's ψ_q, ψ_k, ψ_v, `project` its ω; `inner` channels.

    In both forms a batch normalisation that starts at zero follows ω, as in the release, so that a fresh block
    is the identity and does not disturb a pre-trained backbone; the paper does not mention it.
    """

    def __init__(self, high: int, low: int, inner: int, stride: int, form: Literal["paper", "release"]) -> None:
        super().__init__()
        self.g = nn.Conv2d(low, inner, 1)
        self.theta = nn.Conv2d(high, inner, 1)
        self.phi = nn.Conv2d(low, inner, 1, stride=stride)
        self.project = nn.Conv2d(inner, high, 1, stride=stride)
        self.norm = nn.BatchNorm2d(high)
        nn.init.zeros_(self.norm.weight)
        self.softmax = form == "paper"


class ChannelAggregation(_Aggregation):
    """f_h + ω(M ψ_v(f_l)), M the softmax of channels' similarities (eq. 7, 8); the release divides by their number."""

    def forward(self, high: High, low: Low) -> High:
        values, keys = self.g(low).flatten(2), self.phi(low).flatten(2)
        similarity = self.theta(high).flatten(2) @ keys.transpose(1, 2)
        similarity = similarity.softmax(dim=-1) if self.softmax else similarity / similarity.shape[-1]
        mixed = (similarity @ values).reshape(len(low), -1, *low.shape[2:])
        return self.norm(self.project(mixed)) + high


class SpatialAggregation(_Aggregation):
    """f_h + ω(M ψ_v(f_l)) with M the similarities of positions (eq. 9), in half of the low map's channels.

    The release writes each map of C/2 channels and N positions as one of C and N/2 before it compares them: a
    similarity there is of pairs of positions that lie half a map apart. Its form keeps that, and needs maps
    with an even number of positions.
    """

    def forward(self, high: High, low: Low) -> High:
        values, keys, queries = self.g(low), self.phi(low), self.theta(high)
        if self.softmax:
            # One fused operation: at 384×144 the matrix of all pairs of positions would take gigabytes a batch.
            # Four axes and unit strides in the last are what its fast kernels take.
            rows = (each.flatten(2).transpose(1, 2).contiguous()[:, None] for each in (queries, keys, values))
            mixed = F.scaled_dot_product_attention(*rows, scale=1.0)[:, 0].transpose(1, 2)
        else:
            values, keys, queries = (self._fold(each) for each in (values, keys, queries))
            # (θᵀφ)gᵀ = θᵀ(φgᵀ): without softmax the matrix of all pairs need never exist.
            mixed = values @ keys.transpose(1, 2) @ queries / keys.shape[-1]
        return self.norm(self.project(mixed.reshape(len(high), -1, *high.shape[2:]))) + high

    @staticmethod
    def _fold(maps: Tensor) -> Float[Tensor, "batch twice half"]:
        batch, channels, height, width = maps.shape
        if height * width % 2:
            raise ValueError(f'{height}×{width} places are odd in number: take another image size, or form "paper".')
        return maps.reshape(batch, 2 * channels, -1)
