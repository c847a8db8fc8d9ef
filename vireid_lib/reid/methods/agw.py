"""AGW: non-local blocks, generalised-mean pooling, weighted regularised triplet.

Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook",
TPAMI 2021.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from vireid_lib.data import augment
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.layers import average_pool, generalised_mean_pool
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.weighted_regularized_triplet import weighted_regularized_triplet
from vireid_lib.reid.method import Batch, Method
from vireid_lib.reid.network import TwoStreamNetwork
from vireid_lib.reid.pretrained import HUB_ID, load_imagenet
from vireid_lib.reid.resnet import TwoStreamResNet50
from vireid_lib.reid.small import TwoStreamSmall
from vireid_lib.training import schedules


class AgwConfig(ReidConfig):
    """The defaults are those of AGW's released cross-modality code (AGW_CMReID, train.py and model.py); the
    survey's section 4 describes the same method without these numbers.

    Attributes:
        height, width: 288×144. identities, images: 8 and 4. epochs: 81 (0 to 80).
        backbone: "resnet50", or "small" for the miniature world.
        pretrained: ImageNet weights (hub id or local file), or None. The release: torchvision's.
        non_local, gem: the two architectural parts; without `gem`, average pooling.
        triplet: "wrt" (AGW), "hard" (the survey's baseline) or "none".
        margin: of the hard triplet.
        label_smoothing: of the identity loss; the release has none.
        padding: pixels of black border before the random crop.
        flip: probability of mirroring.
        erasing: probability of random erasing; channel_exchange: probability of showing one colour channel
            of a visible image in all three. Both 0 in AGW; both come with CAJ.
        optimizer: "sgd" (Nesterov, momentum 0.9) or "adamw".
        learning_rate: of BN neck and classifier. backbone_rate: share of it for everything else.
        weight_decay: on every parameter.
        schedule: "drops" (linear warm-up over 10 epochs, a tenth from epoch 20, a hundredth from 50) or
            "one_cycle" over the whole training.
    """

    method: str = "agw"
    height: int = Field(default=288, gt=0)
    width: int = Field(default=144, gt=0)
    identities: int = Field(default=8, ge=2)
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=81, ge=1)
    backbone: Literal["resnet50", "small"] = "resnet50"
    pretrained: str | None = HUB_ID
    non_local: bool = True
    gem: bool = True
    triplet: Literal["wrt", "hard", "none"] = "wrt"
    margin: float = 0.3
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    padding: int = Field(default=10, ge=0)
    flip: float = Field(default=0.5, ge=0, le=1)
    erasing: float = Field(default=0.0, ge=0, le=1)
    channel_exchange: float = Field(default=0.0, ge=0, le=1)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.1, gt=0)
    backbone_rate: float = Field(default=0.1, ge=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    schedule: Literal["drops", "one_cycle"] = "drops"

    @classmethod
    def small(cls, **changes: Any) -> "AgwConfig":
        """The recipe of the miniature world: 64×32 pixels, 900 steps, about a minute of one core.

        The losses are AGW's with label smoothing. Instead of WRT, the hard triplet was tried on a world of
        other people (seed 777, one training each): rank-1 34.0 against WRT's 37.7 with real images, 45.2
        against 53.5 with true infrared of external people.
        """
        settings = {
            "backbone": "small", "pretrained": None, "height": 64, "width": 32, "steps": 900, "mix": 0.5,
            "label_smoothing": 0.1, "padding": 4, "erasing": 0.5, "channel_exchange": 0.5,
            "optimizer": "adamw", "learning_rate": 3e-3, "backbone_rate": 1.0, "weight_decay": 0.01,
            "schedule": "one_cycle", "flip_at_test": True, "channels_last": True,
        }  # fmt: skip
        return cls(**(settings | changes))


class Agw(Method):
    """See the module's docstring; `loss` is the identity loss plus the triplet loss."""

    config_class = AgwConfig

    def __init__(self, config: AgwConfig, num_identities: int) -> None:
        self.config = config
        self.network = build_network(config, num_identities)

    def augment(self, batch: Batch) -> Batch:
        return replace(
            batch,
            visible=self._augment(batch.visible, "visible", batch.generator),
            infrared=self._augment(batch.infrared, "infrared", batch.generator),
        )

    def _augment(self, images: Tensor, modality: str, generator: torch.Generator) -> Tensor:
        config = self.config
        if config.padding:
            images = augment.pad_and_crop(images, generator, config.padding)
        images = augment.horizontal_flip(images, generator, config.flip)
        if modality == "visible" and config.channel_exchange:
            images = augment.channel_exchange(images, generator, config.channel_exchange)
        images = augment.normalise(images)
        return augment.random_erasing(images, generator, config.erasing) if config.erasing else images

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        config, labels = self.config, batch.labels
        pooled, logits = self.network(batch.visible, batch.infrared)
        terms = {"identity": identity_cross_entropy(logits, labels, smoothing=config.label_smoothing)}
        if config.triplet == "wrt":
            terms["triplet"] = weighted_regularized_triplet(pooled, labels)
        elif config.triplet == "hard":
            terms["triplet"] = hard_triplet(pooled, labels, margin=config.margin)
        accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
        return {"total": sum(terms.values()), **terms, "accuracy": accuracy}

    def optimizer(self) -> Optimizer:
        config = self.config
        groups = parameter_groups(self.network, config.learning_rate, config.backbone_rate)
        if config.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, weight_decay=config.weight_decay, nesterov=True)
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay)

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        if self.config.schedule == "one_cycle":
            return schedules.one_cycle(step, steps)
        return schedules.warm_up_and_drops(epoch, warm_up=10, drops=(20, 50))


def build_network(config: AgwConfig, num_identities: int) -> TwoStreamNetwork:
    """AGW's network, which CAJ and DART share."""
    small = config.backbone == "small"
    backbone = (TwoStreamSmall if small else TwoStreamResNet50)(non_local=config.non_local)
    if config.pretrained is not None:
        if small:
            raise ValueError(
                f"pretrained is {config.pretrained!r}, but there are no ImageNet weights for the small "
                "backbone: set it to None."
            )
        load_imagenet(backbone, config.pretrained)
    stripes = 4 if small and config.gem else 1
    pool = partial(generalised_mean_pool, stripes=stripes) if config.gem else average_pool
    width = 192 if small else None
    return TwoStreamNetwork(backbone, num_identities, pool=pool, stripes=stripes, width=width)


def parameter_groups(network: TwoStreamNetwork, rate: float, backbone_rate: float) -> list[dict]:
    """The release's three groups: everything else at `backbone_rate` of the rate, BN neck, classifier."""
    head = [list(network.bottleneck.parameters()), list(network.classifier.parameters())]
    heads = {id(parameter) for group in head for parameter in group}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in heads]
    return [
        {"params": rest, "lr": rate * backbone_rate},
        *({"params": group, "lr": rate} for group in head),
    ]


METHOD = Agw
