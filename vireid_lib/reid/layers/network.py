"""The two-stream network of AGW and its relatives: backbone, then pooling, BN neck and classifier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "batch channels height width"]  # 3 channels; the stem checks it with a better message
Infrared = Float[Tensor, "infrared channels height width"]
Maps, Trunk = Float[Tensor, "batch maps h w"], Float[Tensor, "rows channels2 h2 w2"]
Features = Float[Tensor, "batch dim"]


def average_pool(maps: Maps) -> Float[Tensor, "batch maps"]:
    """Mean over the positions: [B, C, h, w] → [B, C]."""
    return maps.mean(dim=(2, 3))


def generalised_mean_pool(maps: Maps, *, power: float = 3.0, stripes: int = 1) -> Float[Tensor, "batch stripes_maps"]:
    """GeM pooling, (mean xᵖ)^(1/p) over the positions: between the mean (p = 1) and the maximum (p = ∞); AGW's release
    keeps p at 3, its paper calls it learnable (Ye et al. 2021, eq. 2). The maps [B, C, h, w] are not negative (what a
    ReLU leaves). Each of so many horizontal stripes is pooled alone, to [B, stripes·C], top first. Raises ValueError: h
    is not a multiple of `stripes`."""
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
    """Draw initial weights whose number depends on the training set from a stream of their own. The global stream goes
    on by one number, however many are drawn here: all other weights of a network are then the same for every training
    set of a seed, those that are drawn later among them."""
    seed = int(torch.randint(2**62, (), device="cpu"))  # also where a network is built without memory
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def check_batch(visible: Tensor, infrared: Tensor) -> None:
    """Refuse a training batch that lacks a modality."""
    for images, modality in ((visible, "visible"), (infrared, "infrared")):
        if len(images) == 0:
            raise ValueError(f"The batch has no {modality} image: training needs both modalities in each batch.")


class Output(NamedTuple):
    """A training pass; rows are the visible images, then the infrared ones."""

    pooled: Float[Tensor, "rows dim"]
    logits: Float[Tensor, "rows identities"]


class TwoStreamNetwork(nn.Module):
    """Images of two modalities → one feature space. The backbone has `stem(images, modality)`, `trunk(maps)` and
    `channels`; `pool` is [B, C, h, w] → [B, stripes·C], and projected to `width` dimensions, unless that is None."""

    def __init__(
        self,
        backbone: nn.Module,
        identities: int,
        *,
        pool: Callable[[Tensor], Tensor] = generalised_mean_pool,
        stripes: int = 1,
        width: int | None = None,
    ) -> None:
        super().__init__()
        pooled = backbone.channels * stripes
        self.backbone, self.pool = backbone, pool
        self.reduce = nn.Identity() if width is None else nn.Linear(pooled, width, bias=False)
        self.width = pooled if width is None else width
        self.bottleneck = bn_neck(self.width)
        self.classifier = identity_classifier(self.width, identities)

    def forward(self, visible: Images, infrared: Infrared) -> Output:
        """One training pass. The two batches need not have the same size; neither may be empty."""
        pooled = self.reduce(self.pool(self.batch_maps(visible, infrared)))
        return Output(pooled, self.classifier(self.bottleneck(pooled)))

    def batch_maps(self, visible: Tensor, infrared: Tensor) -> Trunk:
        """The maps of a training batch, visible rows first. Raises ValueError where a modality has no image."""
        check_batch(visible, infrared)
        stems = (self.backbone.stem(visible, "visible"), self.backbone.stem(infrared, "infrared"))
        return self.trunk(torch.cat(stems))

    def trunk(self, maps: Maps) -> Trunk:
        """Pass the stems' maps, of either or both modalities, through what the modalities share."""
        return self.backbone.trunk(maps)

    def feature_map(self, images: Images, modality: str) -> Maps:
        """The map before pooling, for attention and Grad-CAM pictures."""
        return self.trunk(self.backbone.stem(images, modality))

    def features(self, images: Images, modality: str) -> Features:
        """The feature for retrieval: after the BN neck, not yet L2-normalised."""
        return self.describe(self.feature_map(images, modality))

    def describe(self, maps: Maps) -> Features:
        """The same of maps as `feature_map` gives them: what Grad-CAM differentiates."""
        return self.bottleneck(self.reduce(self.pool(maps)))
