"""Behind the backbone: pooling, BN neck, identity classifier."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    """GeM pooling, (mean xᵖ)^(1/p) over the positions: between the mean (p = 1) and the maximum (p = ∞). Raises
    ValueError: h is not a multiple of `stripes`.

    Args:
        maps: [B, C, h, w], not negative (what a ReLU leaves).
        power: p; AGW's release keeps it at 3, its paper calls it learnable (Ye et al. 2021, eq. 2).
        stripes: pool each of so many horizontal stripes alone; the result is [B, stripes·C], top first.
    """
    batch, channels, height, width = maps.shape
    if height % stripes:
        raise ValueError(f"A map {height} high cannot be cut into {stripes} equal stripes: take another image height.")
    stacked = maps.reshape(batch, channels, stripes, (height // stripes) * width)
    powered = stacked * stacked * stacked if power == 3 else stacked**power
    # The small constant keeps the root's gradient finite where a channel is zero everywhere.
    pooled = (powered.mean(dim=3) + 1e-12) ** (1.0 / power)
    return pooled.transpose(1, 2).reshape(batch, stripes * channels)


def bn_neck(width: int) -> nn.BatchNorm1d:
    """Batch normalisation between pooled feature and classifier; its shift stays zero. Initialised as AGW's release."""
    neck = nn.BatchNorm1d(width)
    nn.init.normal_(neck.weight, 1.0, 0.01)
    neck.bias.requires_grad_(False)
    return neck


def identity_classifier(width: int, identities: int) -> nn.Linear:
    """A linear layer without shift, one row per identity; initialised as in AGW's release."""
    with stream_aside():
        classifier = nn.Linear(width, identities, bias=False)
        nn.init.normal_(classifier.weight, 0.0, 0.001)
    return classifier


@contextmanager
def stream_aside() -> Iterator[None]:
    """Draw initial weights whose number depends on the training set from a stream of their own.

    The global stream goes on by one number, however many are drawn here: all other weights of a network are then the
    same for every training set of a seed, those that are drawn later among them.
    """
    seed = int(torch.randint(2**62, (), device="cpu"))  # also where a network is built without memory
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
