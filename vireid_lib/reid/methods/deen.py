"""DEEN: more embeddings of each image than its own, driven apart from it and towards the other modality.

Zhang and Wang: "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for
Visible-Infrared Person Re-identification", CVPR 2023.
"""

from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from vireid_lib.data import augment
from vireid_lib.reid.expansion_network import ExpansionNetwork, stage_shape
from vireid_lib.reid.layers import (
    DiverseEmbeddingExpansion,
    MultiStageAggregation,
    NonLocal,
    average_pool,
    generalised_mean_pool,
)
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.orthogonal import orthogonal
from vireid_lib.reid.method import Batch
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod, build_backbone

# What the released train.py does otherwise than the paper says. Its rate would fall once more at epoch 120, in a
# branch that cannot be reached; the loop counts epochs 0 to 150.
RELEASE = {"epochs": 151, "drops": (20, 80), "orthogonal_weight": 0.01, "grey": 0.5, "erasing_area": (0.2, 0.8)}


class DeenConfig(TwoStreamConfig):
    """Defaults of form "paper" are the paper's (section 5.2, figure 6); what it does not say (pooling, crop, how often
    and how much is erased, triplet margin, the network's rate of 0.1 of the classifier's, the score) is the release's
    or its relatives'.

    In the miniature world (`small`) DEEN has the recipe of its relatives there, channel exchange included, its own
    batch, and the mean of each of the small network's four stripes.

    Attributes:
        form: "paper", or "release" for what the released code does otherwise: another schedule, λ2, greyscale and
            erasing; sums of DEE divided, with dropout; no softmax in MFA; another CPM; a smaller orthogonal loss.
            A setting that is given wins over the form.
        height, width: 384×144. identities, images: 6 and 4. epochs: 150. drops: 20, 60, 120.
        gem: off: DEEN's release pools the mean. non_local: AGW's blocks; no part of DEEN.
        branches: embeddings of each image, its own included ("three branches"); 1 leaves DEE out.
        expand_after: the stage after which DEE stands; 0 is the stem.
        stages: residual stages used: 4, on RegDB 3.
        aggregation: "mfa" after every used stage but the last, as in the release; "non_local" puts a non-local
            block of half the channels there (table 7), "none" nothing.
        cpm_weight: λ1; 0 leaves the loss out. cpm_margin: α.
        orthogonal_weight: λ2; 0 leaves the loss out.
        margin: of the hard triplet loss, over the embeddings of all branches.
        grey: probability of showing an image without its colours.
        erasing_area: share of the image that is erased, from and to.
        flip_at_test, similarity: the score of two images is the sum of their embeddings' cosines, before and after
            the BN neck, with the mirrored image's added; see `ExpansionNetwork.describe`.
    """

    ORIGINS = {
        "paper": ("*", "backbone", "width", "images", "flip", "optimizer", "learning_rate", "schedule", "warm_up"),
        "release": ("gem", "margin", "erasing", "erasing_area", "flip_at_test", "similarity"),
    }

    method: str = "deen"
    form: Literal["paper", "release"] = "paper"
    height: int = Field(default=384, gt=0)
    identities: int = Field(default=6, ge=2)
    epochs: int = Field(default=150, ge=1)
    drops: tuple[int, ...] = (20, 60, 120)
    gem: bool = False
    non_local: bool = False
    branches: int = Field(default=3, ge=1)
    expand_after: int = Field(default=3, ge=0, le=4)
    stages: int = Field(default=4, ge=2, le=4)
    aggregation: Literal["mfa", "non_local", "none"] = "mfa"
    cpm_weight: float = Field(default=0.8, ge=0)
    cpm_margin: float = Field(default=0.2, ge=0)
    orthogonal_weight: float = Field(default=0.1, ge=0)
    margin: float = Field(default=0.3, ge=0)
    grey: float = Field(default=0.0, ge=0, le=1)
    erasing: float = Field(default=0.5, ge=0, le=1)
    erasing_area: tuple[float, float] = (0.02, 0.4)
    flip_at_test: bool = True
    similarity: Literal["cosine", "dot"] = "dot"

    @model_validator(mode="before")
    @classmethod
    def _of_the_form(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and settings.get("form") == "release":
            return RELEASE | settings
        return settings

    @model_validator(mode="after")
    def _possible(self) -> "DeenConfig":
        if self.non_local:
            raise ValueError('non_local is AGW\'s; DEEN takes non-local blocks with aggregation="non_local".')
        if self.expand_after > self.stages:
            raise ValueError(
                f"expand_after is {self.expand_after}, but only {self.stages} stages are used: DEE can stand after "
                f"stage 0 to {self.stages}."
            )
        return self

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "DeenConfig":
        """As defined, but on RegDB without stage 4 and with DEE after stage 2, and a release that erases less on
        every data set but SYSU-MM01."""
        settings: dict[str, Any] = {} if dataset == "sysu_mm01" else {"erasing_area": (0.02, 0.4)}
        if dataset == "regdb":
            settings |= {"stages": 3, "expand_after": 2}
        return cls(**(settings | changes))


class Deen(TwoStreamMethod):
    """Eq. 10: identity loss + triplet loss + λ1 · CPM + λ2 · orthogonal loss."""

    config_class = DeenConfig
    config: DeenConfig
    network: ExpansionNetwork

    def __init__(self, config: DeenConfig, num_identities: int) -> None:
        self.config = config
        self.network = build_network(config, num_identities)

    def augment_images(self, images: Tensor, modality: str, generator: torch.Generator) -> Tensor:
        if self.config.grey:
            images = augment.grey(images, generator, self.config.grey)
        return super().augment_images(images, modality, generator)

    def erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        config = self.config
        if not config.erasing:
            return images
        # The release fills with ImageNet's mean after normalisation, where the mean is 0.
        fill = augment.IMAGENET_MEAN if config.form == "release" else (0.0, 0.0, 0.0)
        return augment.random_erasing(images, generator, config.erasing, area=config.erasing_area, fill=fill)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        config, branches = self.config, self.network.branches
        pooled, logits, unreduced = self.network(batch.visible, batch.infrared)
        labels = batch.labels.repeat(branches)
        terms = {
            "identity": identity_cross_entropy(logits, labels, smoothing=config.label_smoothing),
            "triplet": hard_triplet(pooled, labels, margin=config.margin),
        }
        if branches > 1 and config.cpm_weight:
            originals, *generated = (part.split(len(batch.visible)) for part in pooled.chunk(branches))
            terms["cpm"] = config.cpm_weight * sum(
                centre_guided_pair_mining(
                    *originals,
                    *branch,
                    batch.visible_labels,
                    batch.infrared_labels,
                    margin=config.cpm_margin,
                    form=config.form,
                )
                for branch in generated
            )
        if branches > 2 and config.orthogonal_weight:
            terms["orthogonal"] = config.orthogonal_weight * orthogonal(unreduced.chunk(branches)[1:], form=config.form)
        accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
        return {"total": sum(terms.values()), **terms, "accuracy": accuracy}


def build_network(config: DeenConfig, num_identities: int) -> ExpansionNetwork:
    """The network of a configuration. The small one pools four stripes, as its relatives do, and projects them."""
    backbone, small = build_backbone(config), config.backbone == "small"
    shapes = [stage_shape(backbone, stage) for stage in range(5)]
    aggregations = {}
    for stage in range(1, config.stages) if config.aggregation != "none" else ():
        (low, _), (high, stride) = shapes[stage - 1 : stage + 1]
        if config.aggregation == "mfa":
            aggregations[stage] = MultiStageAggregation(high, low, stride, config.form)
        else:
            aggregations[stage] = NonLocal(high, inner=high // 2)
    expansion = None
    if config.branches > 1:
        channels = shapes[config.expand_after].channels
        expansion = DiverseEmbeddingExpansion(channels, config.branches, config.form)
    stripes = 4 if small else 1
    pool = average_pool
    if small or config.gem:
        # Power 1 is the mean; unlike power 3 it takes the negative values that DEE leaves after the last stage.
        pool = partial(generalised_mean_pool, power=3.0 if config.gem else 1.0, stripes=stripes)
    return ExpansionNetwork(
        backbone,
        num_identities,
        pool=pool,
        stripes=stripes,
        width=192 if small else None,
        stages=config.stages,
        expansion=expansion,
        expand_after=config.expand_after,
        aggregations=aggregations,
    )


METHOD = Deen
