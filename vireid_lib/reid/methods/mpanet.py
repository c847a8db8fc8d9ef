"""MPANet: modality alleviation, pattern alignment, mutual mean learning, centre cluster loss.

Wu, Dai, Chen, Lin, Wu, Huang, Zhong, Ji: "Discover Cross-Modality Nuances for Visible-Infrared Person
Re-Identification", CVPR 2021.
"""

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from vireid_lib.data import augment
from vireid_lib.data.exhaustive_sampling import ExhaustiveIdentitySampler, MixedExhaustiveSampler, OnceAnEpochSampler
from vireid_lib.places import Source
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.losses.centre_cluster import centre_cluster
from vireid_lib.reid.losses.centre_loss import centre_loss
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.mutual_mean import mutual_mean
from vireid_lib.reid.losses.pattern_separation import pattern_separation
from vireid_lib.reid.method import Batch, Sampler
from vireid_lib.reid.pattern_network import PatternNetwork, PatternOutput
from vireid_lib.reid.pretrained import HUB_ID, load_imagenet
from vireid_lib.reid.single_stream import SingleStreamResNet50, SingleStreamSmall
from vireid_lib.reid.two_stream import SMALL, TwoStreamMethod
from vireid_lib.training import schedules

GREY = 127 / 255  # what the released code pads with


class MpanetConfig(ReidConfig):
    """The defaults are those of the released code for SYSU-MM01 (MPANet, configs/SYSU.yml and models/).

    Attributes:
        height, width: 384×128; 256×128 on RegDB.
        identities, images: 16 and 4; 12 and 5 on RegDB. `images` is per modality, the released k_size is twice it.
        epochs: 140, each as long as `sampler` makes it.
        form: where the released code does otherwise than these losses are usually defined. "paper" takes the usual
            definitions (the paper's own equations were not at hand): the modality classifiers' cross-entropy
            counts once; the mean teacher is the fixed target of the divergence; the centre loss is a mean over
            the images. "release": the cross-entropy enters the sum twice; the divergence is taken the other way
            round, so that its gradient flows through the target; the centre loss is divided by the number of
            identities as well. (The released code also moves the teachers within the forward pass, before they
            are used; moving them after the optimiser's step gives the same numbers.)
        backbone: "resnet50", or "small" for the miniature world.
        pretrained: ImageNet weights (hub id or local file), or None. The release: torchvision's.
        sampler: "identity_random" shows the images of an identity without repeating them (the released
            configurations), "identity_uniform" each identity once an epoch (the released code's other choice),
            "with_replacement" is AGW's.
        patterns: n of the pattern alignment module.
        separation_weight: of the pattern maps' separation.
        modality_weight: of the cross-entropy of the modalities' own classifiers.
        mutual_weight: of the divergence between a classifier and the other modality's mean teacher.
        update_rate: of the mean teachers, each step; from epoch 100 on, it falls with 100 / (epoch + 2).
        margin: of the centre cluster loss, and of the triplet loss.
        centre_cluster_weight, triplet_weight, centre_weight: of the losses on the features before the BN neck;
            the released configurations take the first alone.
        label_smoothing: of the identity losses; the release has none.
        padding: pixels of grey border before the random crop. flip: probability of mirroring.
        erasing: probability of random erasing of 2 % to 33 % of the image.
        channel_exchange: probability of showing one colour channel of a visible image in all three; not in MPANet.
        optimizer: "adam" or "adamw", with one rate for all parameters.
        schedule: "drops" (a tenth of the rate from each epoch in `drops` on; 110 alone on RegDB) or "one_cycle".
    """

    ORIGINS = {"release": ("*",), "ours": ("form",)}

    method: str = "mpanet"
    height: int = Field(default=384, gt=0)
    width: int = Field(default=128, gt=0)
    identities: int = Field(default=16, ge=2)
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=140, ge=1)
    form: Literal["paper", "release"] = "paper"
    backbone: Literal["resnet50", "small"] = "resnet50"
    pretrained: Source | None = HUB_ID
    sampler: Literal["identity_random", "identity_uniform", "with_replacement"] = "identity_random"
    patterns: int = Field(default=6, ge=2)
    separation_weight: float = Field(default=0.5, ge=0)
    modality_weight: float = Field(default=0.5, ge=0)
    mutual_weight: float = Field(default=2.5, ge=0)
    update_rate: float = Field(default=0.2, gt=0, le=1)
    margin: float = Field(default=0.7, ge=0)
    centre_cluster_weight: float = Field(default=1.0, ge=0)
    triplet_weight: float = Field(default=0.0, ge=0)
    centre_weight: float = Field(default=0.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    padding: int = Field(default=10, ge=0)
    flip: float = Field(default=0.5, ge=0, le=1)
    erasing: float = Field(default=0.5, ge=0, le=1)
    channel_exchange: float = Field(default=0.0, ge=0, le=1)
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(default=3.5e-4, gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    schedule: Literal["drops", "one_cycle"] = "drops"
    drops: tuple[int, ...] = (80, 120)

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "MpanetConfig":
        """The released configuration of "sysu_mm01" or "regdb"; there is none of "llcm", which gets the former."""
        regdb = {"height": 256, "identities": 12, "images": 5, "drops": (110,)}
        return cls(**((regdb if dataset == "regdb" else {}) | changes))

    @classmethod
    def small(cls, **changes: Any) -> "MpanetConfig":
        """The recipe of the miniature world: 64×32 pixels, 900 steps. One training on the real images of profile
        mini's world (seed 0) ranked 28.5 % first after a whole recipe of 300 steps and 35.9 % after 900; chance is 2 %.
        """
        shared = {name: value for name, value in SMALL.items() if name != "backbone_rate"}
        return cls(**(shared | {"identities": 8} | changes))

    @property
    def in_epochs(self) -> tuple[str, ...]:
        return (*super().in_epochs, *(("drops",) if self.schedule == "drops" else ()))


class Mpanet(TwoStreamMethod):
    """See the module's docstring; `loss` is what the configuration weighs."""

    config_class = MpanetConfig
    config: MpanetConfig
    network: PatternNetwork

    def __init__(self, config: MpanetConfig, num_identities: int) -> None:
        self.config = config
        self.network = build_network(config, num_identities)
        self.plain = self.network  # stays what it is when the trainer wraps `network` for several processes

    def move(self, images: Tensor, generator: torch.Generator) -> Tensor:
        images = augment.horizontal_flip(images, generator, self.config.flip)
        return augment.pad_and_crop(images, generator, self.config.padding, GREY) if self.config.padding else images

    def erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if not self.config.erasing:
            return images
        return augment.random_erasing(images, generator, self.config.erasing, area=(0.02, 0.33))

    @classmethod
    def sampler(
        cls,
        config: MpanetConfig,
        visible: Int64[np.ndarray, " visible"],
        infrared: Int64[np.ndarray, " infrared"],
        *,
        external: Collection[int],
        seed: int,
    ) -> Sampler:
        if config.sampler == "with_replacement":
            return super().sampler(config, visible, infrared, external=external, seed=seed)
        kind = ExhaustiveIdentitySampler if config.sampler == "identity_random" else OnceAnEpochSampler
        counts = {"identities": config.identities, "images": config.images, "seed": seed}
        if config.mix is None or not external:
            return kind(visible, infrared, **counts)
        return MixedExhaustiveSampler(kind, visible, infrared, external=external, mix=config.mix, **counts)

    def teacher_rate(self, epoch: int) -> float:
        """Of the mean teachers; the released code counts its epochs from 1, and adds 1 again."""
        return self.config.update_rate * min(100 / (epoch + 2), 1.0)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        self.plain.update_teachers(self.teacher_rate(batch.epoch))
        return self.losses(self.network(batch.visible, batch.infrared), batch.labels, len(batch.visible))

    def losses(self, output: PatternOutput, labels: Tensor, visible: int) -> dict[str, Tensor]:
        """The weighted terms of a training pass of which the first `visible` rows are visible images."""
        config, release = self.config, self.config.form == "release"
        entropies = [
            # A sum over no image at all is 0, the mean would not be a number.
            identity_cross_entropy(logits, label, smoothing=config.label_smoothing) if len(label) else logits.sum()
            for logits, label in (
                (output.logits, labels),
                (output.own_logits[:visible], labels[:visible]),
                (output.own_logits[visible:], labels[visible:]),
            )
        ]
        terms = {
            "identity": entropies[0],
            "modality": config.modality_weight * (1 + release) * (entropies[1] + entropies[2]),
            "mutual": config.mutual_weight * mutual_mean(output.own_logits, output.teacher_logits, form=config.form),
            "separation": config.separation_weight * pattern_separation(output.patterns),
        }
        if config.centre_cluster_weight:
            cluster = centre_cluster(output.pooled, labels, margin=config.margin)
            terms["centre_cluster"] = config.centre_cluster_weight * cluster
        if config.triplet_weight:
            terms["triplet"] = config.triplet_weight * hard_triplet(output.pooled, labels, margin=config.margin)
        if config.centre_weight:
            centre = centre_loss(output.pooled, labels, output.centres, form=config.form)
            terms["centre"] = config.centre_weight * centre
        accuracy = (output.logits.detach().argmax(dim=1) == labels).float().mean()
        return {"total": sum(terms.values()), **terms, "accuracy": accuracy}

    def optimizer(self) -> Optimizer:
        kind = torch.optim.Adam if self.config.optimizer == "adam" else torch.optim.AdamW
        return kind(self.network.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        if self.config.schedule == "one_cycle":
            return schedules.one_cycle(step, steps)
        return schedules.warm_up_and_drops(epoch, warm_up=0, drops=self.config.drops)


def build_network(
    config: MpanetConfig, num_identities: int, network_class: type[PatternNetwork] = PatternNetwork
) -> PatternNetwork:
    """MPANet's network with its ImageNet weights, if the configuration names any."""
    small = config.backbone == "small"
    if small and config.pretrained is not None:
        raise ValueError(
            f"pretrained is {config.pretrained!r}, but there are no ImageNet weights for the small backbone: set it "
            "to None."
        )
    backbone = SingleStreamSmall() if small else SingleStreamResNet50()
    if config.pretrained is not None:
        load_imagenet(backbone, config.pretrained)
    return network_class(backbone, num_identities, patterns=config.patterns, centres=config.centre_weight > 0)


METHOD = Mpanet
