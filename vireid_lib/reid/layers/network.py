"""The two-stream network of AGW and its relatives: backbone, pooling, BN neck, classifier."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers.checks import check_batch
from vireid_lib.reid.layers.head import bn_neck, generalised_mean_pool, identity_classifier

Images = Float[Tensor, "batch channels height width"]  # 3 channels; the stem checks it with a better message
Maps, Trunk = Float[Tensor, "batch maps h w"], Float[Tensor, "rows channels2 h2 w2"]
Features = Float[Tensor, "batch dim"]


class Output(NamedTuple):
    """A training pass; rows are the visible images, then the infrared ones."""

    pooled: Float[Tensor, "rows dim"]
    logits: Float[Tensor, "rows identities"]


class TwoStreamNetwork(nn.Module):
    """Images of two modalities → one feature space.

    Args:
        backbone: has `stem(images, modality)`, `trunk(maps)` and `channels`.
        pool: [B, C, h, w] → [B, stripes·C].
        width: project the pooled stripes to so many dimensions; None keeps them.
    """

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

    def forward(
        self,
        visible: Float[Tensor, "visible channels height width"],
        infrared: Float[Tensor, "infrared channels height width"],
    ) -> Output:
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

    def pooled(self, images: Images, modality: str) -> Features:
        """The feature before the BN neck, which the triplet loss sees."""
        return self.reduce(self.pool(self.feature_map(images, modality)))

    def features(self, images: Images, modality: str) -> Features:
        """The feature for retrieval: after the BN neck, not yet L2-normalised."""
        return self.describe(self.feature_map(images, modality))

    def describe(self, maps: Maps) -> Features:
        """The feature for retrieval of maps as `feature_map` gives them: what Grad-CAM differentiates."""
        return self.bottleneck(self.reduce(self.pool(maps)))
