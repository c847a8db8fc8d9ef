"""Layers that the methods share: generalised-mean pooling, the non-local block, the BN neck's head."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Map = Float[Tensor, "batch channels height width"]


def average_pool(maps: Map) -> Float[Tensor, "batch channels"]:
    """Mean over the positions: [B, C, h, w] → [B, C]."""
    return maps.mean(dim=(2, 3))


def generalised_mean_pool(
    maps: Map, *, power: float = 3.0, stripes: int = 1
) -> Float[Tensor, "batch stripes_channels"]:
    """GeM pooling, (mean xᵖ)^(1/p) over the positions: between the mean (p = 1) and the maximum (p = ∞).

    Args:
        maps: [B, C, h, w], not negative (what a ReLU leaves).
        power: p; AGW's release keeps it at 3, its paper calls it learnable (Ye et al. 2021, eq. 2).
        stripes: pool each of so many horizontal stripes alone; the result is [B, stripes·C], top first.

    Raises:
        ValueError: h is not a multiple of `stripes`.
    """
    batch, channels, height, width = maps.shape
    if height % stripes:
        raise ValueError(
            f"A feature map {height} high cannot be cut into {stripes} equal stripes: choose an image "
            f"height that leaves a multiple of {stripes}."
        )
    stacked = maps.reshape(batch, channels, stripes, (height // stripes) * width)
    powered = stacked * stacked * stacked if power == 3 else stacked**power
    # The small constant keeps the root's gradient finite where a channel is zero everywhere.
    pooled = (powered.mean(dim=3) + 1e-12) ** (1.0 / power)
    return pooled.transpose(1, 2).reshape(batch, stripes * channels)


class NonLocal(nn.Module):
    """Non-local block as in AGW (eq. 1): z = BN(W·y) + x with y_i = 1/N Σ_j (θ(x_i)·φ(x_j)) g(x_j).

    The affinity is divided by the number of positions N; there is no softmax. The release reduces to a
    single inner channel whatever the width, and starts BN at zero, so that a fresh block is the identity.
    """

    def __init__(self, channels: int, inner: int = 1) -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, inner, 1)
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.project = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Map) -> Map:
        """[B, C, h, w] → the same shape."""
        batch, _, height, width = maps.shape
        values, queries, keys = (f(maps).flatten(2) for f in (self.g, self.theta, self.phi))
        # (θᵀφ)g = θᵀ(φgᵀ): the N×N affinity need never exist, as nothing nonlinear stands in between.
        context = keys @ values.transpose(1, 2) / (height * width)
        mixed = (queries.transpose(1, 2) @ context).transpose(1, 2)
        return self.norm(self.project(mixed.reshape(batch, -1, height, width))) + maps


def bn_neck(width: int) -> nn.BatchNorm1d:
    """Batch normalisation between the pooled feature, which the triplet loss sees, and the classifier.
    Its shift is frozen at zero; initialised as in AGW's release."""
    neck = nn.BatchNorm1d(width)
    nn.init.normal_(neck.weight, 1.0, 0.01)
    neck.bias.requires_grad_(False)
    return neck


def identity_classifier(width: int, identities: int) -> nn.Linear:
    """A linear layer without shift, one row an identity; initialised as in AGW's release."""
    classifier = nn.Linear(width, identities, bias=False)
    nn.init.normal_(classifier.weight, 0.0, 0.001)
    return classifier


def check_images(images: Tensor, modality: str) -> None:
    """Refuse what the networks cannot take, before a convolution does so less clearly."""
    if modality not in ("visible", "infrared"):
        raise ValueError(f"modality is {modality!r}; it must be 'visible' or 'infrared'")
    if images.ndim != 4 or images.shape[1] != 3 or not torch.is_floating_point(images):
        raise ValueError(
            f"{modality} images have shape {list(images.shape)} and type {images.dtype}; a network takes "
            "floating-point [batch, 3, height, width] (see vireid_lib.data.images.to_float)"
        )
