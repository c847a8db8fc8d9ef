"""MPANet on real and generated images of the same people, learnt apart: the ReID training of Flow2Flow.

Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?", section V-A: "we
separately learn features of true images and generated images, then perform the feature-level concatenation". The paper
says no more. Here both kinds pass one backbone, each is learnt by a head of its own (pattern alignment, BN neck,
classifiers, mean teachers, all of MPANet's losses), and an image to be ranked, which is always real, is described by
both heads, side by side.
"""

import pandas as pd
import torch
from jaxtyping import Bool, Int
from pydantic import Field
from torch import Tensor

from vireid_lib.reid.expanded_pattern_network import ExpandedPatternNetwork
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.mpanet import Mpanet, MpanetConfig, build_network


class MpanetExpandedConfig(MpanetConfig):
    """MPANet's settings: "we adopt the same experimental settings as baseline". So batches have the baseline's size,
    and are drawn from real and generated images alike: the more were generated, the fewer of a batch are real.

    Attributes:
        generated_weight: of a generated image's losses; a real image's is 1.
    """

    method: str = "mpanet_expanded"
    generated_weight: float = Field(default=1.0, gt=0)


class MpanetExpanded(Mpanet):
    """See the module's docstring. `total` is the mean over the images of the batch, each with its own head's losses;
    the generated images' terms are named so. A row of the training table is real if its `source` says so."""

    config_class = MpanetExpandedConfig
    config: MpanetExpandedConfig
    network: ExpandedPatternNetwork

    def __init__(self, config: MpanetExpandedConfig, num_identities: int) -> None:
        self.config = config
        self.network = build_network(config, num_identities, ExpandedPatternNetwork)
        self.plain = self.network
        self.real = torch.ones(0, dtype=torch.bool)

    def start_training(self, table: pd.DataFrame) -> None:
        """Remember which rows are real. Raises ValueError where all rows are, or none is."""
        self.real = torch.from_numpy((table["source"] == "real").to_numpy(copy=True))
        for kind, rows in (("real", self.real), ("generated", ~self.real)):
            if not rows.any():
                raise ValueError(
                    f"mpanet_expanded learns real and generated images apart, and the table has no {kind} one (column "
                    "`source`): train with a generator's images, or take mpanet."
                )

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        self.plain.update_teachers(self.teacher_rate(batch.epoch))
        real = self.real[torch.cat((batch.visible_rows, batch.infrared_rows))].to(batch.labels.device)
        rows = {kind: _several(own, batch.labels) for kind, own in (("real", real), ("generated", ~real))}
        outputs = self.network(batch.visible, batch.infrared, **rows)
        terms, total, weights = {}, 0.0, 0.0
        for kind, output in outputs.items():
            own = rows[kind]
            losses = self.losses(output, batch.labels[own], int(own[: len(batch.visible)].sum()))
            weight = len(output.pooled) * (1.0 if kind == "real" else self.config.generated_weight)
            total, weights = total + weight * losses.pop("total"), weights + weight
            terms |= losses if kind == "real" else {f"generated_{name}": value for name, value in losses.items()}
        return {"total": total / weights, **terms}


def _several(own: Bool[Tensor, " rows"], labels: Int[Tensor, " rows"]) -> Bool[Tensor, " rows"]:
    """The rows of a kind, none if they show a single person: MPANet's losses tell people apart."""
    return own if len(labels[own].unique()) > 1 else torch.zeros_like(own)


METHOD = MpanetExpanded
