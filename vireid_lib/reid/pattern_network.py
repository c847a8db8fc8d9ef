"""MPANet's network: pattern alignment over one backbone, a classifier per modality with its mean teacher."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers import PatternAlignment, check_batch, check_images
from vireid_lib.reid.network import TwoStreamNetwork


class PatternOutput(NamedTuple):
    """A training pass; rows are the visible images, then the infrared ones.

    Attributes:
        pooled: pattern features and the global one, before the BN neck.
        patterns: attention maps.
        logits: of the classifier that both modalities share.
        own_logits: each row by the classifier of its modality.
        teacher_logits: each row by the mean teacher of the *other* modality's classifier; no gradient.
        centres: learnt ones of the identities, if the network has them.
    """

    pooled: Float[Tensor, "rows dim"]
    patterns: Float[Tensor, "rows patterns h w"]
    logits: Float[Tensor, "rows identities"]
    own_logits: Float[Tensor, "rows identities"]
    teacher_logits: Float[Tensor, "rows identities"]
    centres: Float[Tensor, "identities dim"] | None


class PatternNetwork(TwoStreamNetwork):
    """A map → n pattern features and a global one, side by side → BN neck → classifiers.

    The feature for retrieval is the BN neck's, (n + 1)·C wide: 7 × 2,048 with ResNet-50 and six patterns.
    Initial weights of neck and classifiers are torch's own, as in the released code.

    Args:
        backbone: has `stem(images, modality)`, `trunk(maps)` and `channels`.
        identities: classes of the training set.
        patterns: n.
        centres: learn a centre of each identity, for `losses.centre_loss`.
    """

    def __init__(self, backbone: nn.Module, identities: int, *, patterns: int = 6, centres: bool = False) -> None:
        alignment = PatternAlignment(backbone.channels, patterns)
        super().__init__(backbone, identities, pool=alignment, stripes=patterns + 1)
        nn.init.ones_(self.bottleneck.weight)
        self.classifier.reset_parameters()
        self.own_classifiers = self._per_modality(identities)
        self.teachers = self._per_modality(identities).requires_grad_(False)
        self.teachers.load_state_dict(self.own_classifiers.state_dict())
        self.centres = nn.Parameter(torch.randn(identities, self.width)) if centres else None

    def forward(
        self,
        visible: Float[Tensor, "visible channels height width"],
        infrared: Float[Tensor, "infrared channels height width"],
    ) -> PatternOutput:
        """One training pass. The two batches need not have the same size; neither may be empty."""
        check_batch(visible, infrared)
        check_images(infrared, "infrared")
        maps = self.backbone.trunk(self.backbone.stem(torch.cat((visible, infrared)), "visible"))
        return self.head(maps, len(visible))

    def head(self, maps: Float[Tensor, "rows channels h w"], visible: int) -> PatternOutput:
        """What follows the backbone, for maps of which the first `visible` show visible images."""
        patterns = self.pool.patterns(maps)
        pooled = self.pool.describe(maps, patterns)
        features = self.bottleneck(pooled)
        sides = features[:visible], features[visible:]
        students = self.own_classifiers["visible"], self.own_classifiers["infrared"]
        teachers = self.teachers["infrared"], self.teachers["visible"]
        with torch.no_grad():
            taught = torch.cat([teacher(side) for teacher, side in zip(teachers, sides, strict=True)])
        own = torch.cat([student(side) for student, side in zip(students, sides, strict=True)])
        return PatternOutput(pooled, patterns, self.classifier(features), own, taught, self.centres)

    @torch.no_grad()
    def update_teachers(self, rate: float) -> None:
        """Move each mean teacher towards its classifier: t ← t + rate·(s − t)."""
        for modality, teacher in self.teachers.items():
            teacher.weight.lerp_(self.own_classifiers[modality].weight, rate)

    def _per_modality(self, identities: int) -> nn.ModuleDict:
        return nn.ModuleDict(
            {modality: nn.Linear(self.width, identities, bias=False) for modality in ("visible", "infrared")}
        )
