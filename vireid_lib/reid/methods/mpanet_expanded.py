"""MPANet with separate heads for real and generated images of the same identities: the ReID training of Flow2Flow.

Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?", section V-A: "we
separately learn features of true images and generated images, then perform the feature-level concatenation". The paper
says no more. Here both kinds pass one backbone, and each has a head of its own (pattern alignment, BN neck,
classifiers, mean teachers, all of MPANet's losses). A test image is always real. Its feature concatenates both heads'
features of it; or the real head's of it and the other head's of its translation into the other modality, for which the
release has a script, commented out, that translates the test images.
"""

import copy
from collections.abc import Mapping
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor, nn

from vireid_lib.reid.layers.network import Features, Images, Infrared, Maps
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.mpanet import Mpanet, MpanetConfig, PatternNetwork, PatternOutput


class MpanetExpandedConfig(MpanetConfig):
    """MPANet's settings: "we adopt the same experimental settings as baseline". So batches have the baseline's size,
    and are drawn from real and generated images together: the more were generated, the fewer of a batch are real.

    Attributes:
        generated_weight: of a generated image's losses; a real image's is 1.
        describe: a test image by "both_heads", or "compensate": by the real head, and by the generated head's view of
            the image as the training set's generator translates it, each of unit length. The latter needs a training
            set with such translations (CMG).
    """

    method: str = "mpanet_expanded"
    generated_weight: float = Field(default=1.0, gt=0)
    describe: Literal["both_heads", "compensate"] = "both_heads"

    @property
    def needs_translations(self) -> bool:
        return self.describe == "compensate"


class ExpandedPatternNetwork(PatternNetwork):
    """One backbone, followed by two heads, one for real and one for generated images. The feature for retrieval
    concatenates both heads' features: 2 · (n + 1) · C values. Arguments as in `PatternNetwork`."""

    def __init__(self, backbone: nn.Module, identities: int, *, patterns: int = 6, centres: bool = False) -> None:
        super().__init__(backbone, identities, patterns=patterns, centres=centres)
        absent = nn.Module()  # the second head has no backbone of its own
        absent.channels = backbone.channels
        self.generated = PatternNetwork(absent, identities, patterns=patterns, centres=centres)

    def forward(
        self, visible: Images, infrared: Infrared, real: Bool[Tensor, " rows"], generated: Bool[Tensor, " rows"]
    ) -> Mapping[str, PatternOutput]:
        """One training pass: "real" and "generated" rows, each by their own head; a kind without rows has no output.

        Args:
            real, generated: of the visible images, then of the infrared ones. A row may be neither.
        """
        maps = self.batch_maps(visible, infrared)
        heads = {"real": (super().head, real), "generated": (self.generated.head, generated)}
        return {
            kind: head(maps[own], int(own[: len(visible)].sum())) for kind, (head, own) in heads.items() if own.any()
        }

    def describe(self, maps: Maps) -> Features:
        """Both heads' features after their BN necks, side by side."""
        return torch.cat((super().describe(maps), self.generated.describe(maps)), dim=1)

    def alone(self, kind: Literal["real", "generated"]) -> nn.Module:
        """The network with one of its heads, whose `features` are that head's."""
        network = copy.copy(self)
        network.describe = super().describe if kind == "real" else self.generated.describe
        return network

    def update_teachers(self, rate: float) -> None:
        """Both heads' teachers."""
        super().update_teachers(rate)
        self.generated.update_teachers(rate)


class MpanetExpanded(Mpanet):
    """See the module's docstring. `total` is the mean over the images of the batch, each with its own head's losses;
    the generated images' terms are named so. A row of the training table is real if its `source` says so."""

    config_class = MpanetExpandedConfig
    config: MpanetExpandedConfig
    network: ExpandedPatternNetwork

    network_class = ExpandedPatternNetwork
    real: Bool[Tensor, " rows"]  # of the training table

    def start_training(self, table: pd.DataFrame) -> None:
        """Remember which rows are real. Raises ValueError where all rows are, or none is."""
        self.real = torch.from_numpy((table["source"] == "real").to_numpy(copy=True))
        for kind, rows in (("real", self.real), ("generated", ~self.real)):
            if not rows.any():
                raise ValueError(f"the table has no {kind} image (column `source`): take mpanet, or add some.")

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        self.plain.update_teachers(self.teacher_rate(batch.epoch))
        real = self.real[torch.cat((batch.visible_rows, batch.infrared_rows))].to(batch.labels.device)
        rows = {"real": real, "generated": ~real}
        # MPANet's losses tell identities apart: a kind that shows a single one has no rows.
        rows = {kind: own & (len(batch.labels[own].unique()) > 1) for kind, own in rows.items()}
        outputs = self.network(batch.visible, batch.infrared, **rows)
        terms, total, weights = {}, 0.0, 0.0
        for kind, output in outputs.items():
            own = rows[kind]
            losses = self.losses(output, batch.labels[own], int(own[: len(batch.visible)].sum()))
            weight = len(output.pooled) * (1.0 if kind == "real" else self.config.generated_weight)
            total, weights = total + weight * losses.pop("total"), weights + weight
            terms |= losses if kind == "real" else {f"generated_{name}": value for name, value in losses.items()}
        return {"total": total / weights, **terms}


METHOD = MpanetExpanded
