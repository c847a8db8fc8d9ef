"""DEEN's network: a two-stream backbone whose maps are aggregated over stages and multiplied in between."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers import DiverseEmbeddingExpansion, MultiStageAggregation, check_batch
from vireid_lib.reid.network import Images, TwoStreamNetwork


class Expanded(NamedTuple):
    """A training pass; rows are all original images (visible, then infrared), then what each branch made of them.

    Attributes:
        pooled: before the BN neck.
        logits: behind it.
        unreduced: pooled maps before the small network's projection; the same as `pooled` where there is none.
    """

    pooled: Float[Tensor, "rows dim"]
    logits: Float[Tensor, "rows identities"]
    unreduced: Float[Tensor, "rows channels"]


class ExpansionNetwork(TwoStreamNetwork):
    """Images of two modalities → several embeddings each.

    Args:
        backbone: has `stem(images, modality)` and stages `layer1`, `layer2`, …
        identities, pool, stripes, width: as in `TwoStreamNetwork`.
        stages: residual stages that are used; those behind are removed (RegDB does without the fourth).
        expansion: multiplies the maps, or None.
        expand_after: stage after which it stands; 0 is the stem.
        aggregations: by stage, a block that takes the map after the stage and, if it is a
            `MultiStageAggregation`, the map before it.
    """

    def __init__(
        self,
        backbone: nn.Module,
        identities: int,
        *,
        pool: Callable[[Tensor], Tensor],
        stripes: int = 1,
        width: int | None = None,
        stages: int = 4,
        expansion: DiverseEmbeddingExpansion | None,
        expand_after: int,
        aggregations: Mapping[int, nn.Module],
    ) -> None:
        for surplus in range(stages + 1, 5):
            delattr(backbone, f"layer{surplus}")
        backbone.channels = stage_shape(backbone, stages).channels
        super().__init__(backbone, identities, pool=pool, stripes=stripes, width=width)
        self.stages, self.expand_after, self.expansion = stages, expand_after, expansion
        self.branches = 1 if expansion is None else expansion.branches
        self.aggregations = nn.ModuleDict({str(stage): block for stage, block in aggregations.items()})

    def forward(
        self,
        visible: Float[Tensor, "visible channels height width"],
        infrared: Float[Tensor, "infrared channels height width"],
    ) -> Expanded:
        """One training pass. The two batches need not have the same size; neither may be empty."""
        check_batch(visible, infrared)
        stems = (self.backbone.stem(visible, "visible"), self.backbone.stem(infrared, "infrared"))
        unreduced = self.pool(self.trunk(torch.cat(stems)))
        pooled = self.reduce(unreduced)
        return Expanded(pooled, self.classifier(self.bottleneck(pooled)), unreduced)

    def trunk(self, maps: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "branches_batch channels2 h2 w2"]:
        """Pass maps of either or both modalities through stages, aggregations and the expansion."""
        for stage in range(self.stages + 1):
            if stage:
                before, maps = maps, getattr(self.backbone, f"layer{stage}")(maps)
                if str(stage) in self.aggregations:
                    block = self.aggregations[str(stage)]
                    maps = block(maps, before) if isinstance(block, MultiStageAggregation) else block(maps)
            if stage == self.expand_after and self.expansion is not None:
                maps = self.expansion(maps)
        return maps

    def feature_map(self, images: Images, modality: str) -> Float[Tensor, "batch maps h w"]:
        """The maps of all branches before pooling, their channels side by side, the original's first."""
        return torch.cat(self.trunk(self.backbone.stem(images, modality)).chunk(self.branches), dim=1)

    def embeddings(self, images: Images, modality: str) -> Float[Tensor, "branches_batch dim"]:
        """Pooled embeddings before the BN neck: the originals, then each branch's."""
        return self._embeddings(self.feature_map(images, modality))

    def pooled(self, images: Images, modality: str) -> Float[Tensor, "batch dim"]:
        """The original's embedding before the BN neck."""
        return self.embeddings(images, modality)[: len(images)]

    def describe(self, maps: Float[Tensor, "batch maps h w"]) -> Float[Tensor, "batch parts"]:
        """What is compared by inner product: for each branch, the embedding before and after the BN neck, each of
        unit length, side by side. The inner product of two such features is the sum of 2·branches cosines."""
        pooled = self._embeddings(maps)
        parts = (*pooled.chunk(self.branches), *self.bottleneck(pooled).chunk(self.branches))
        return torch.cat([F.normalize(part) for part in parts], dim=1)

    def _embeddings(self, maps: Tensor) -> Tensor:
        return self.reduce(self.pool(torch.cat(maps.chunk(self.branches, dim=1))))


class StageShape(NamedTuple):
    """Channels of the map after a stage, and how much smaller it is than the map before."""

    channels: int
    stride: int


def stage_shape(backbone: nn.Module, stage: int) -> StageShape:
    """Read a stage's shape from its convolutions; stage 0 is the stem."""
    module = getattr(backbone, f"layer{stage}") if stage else backbone.stems["visible"]
    convolutions = [each for each in module.modules() if isinstance(each, nn.Conv2d)]
    return StageShape(convolutions[-1].out_channels, max(each.stride[0] for each in convolutions))
