"""What AGW and its relatives share: configuration, network, augmentation, optimiser, learning rate."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from vireid_lib.data import augment
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.layers.backbones import TwoStreamBackbone, TwoStreamResNet50, TwoStreamSmall
from vireid_lib.reid.layers.network import Output, TwoStreamNetwork, average_pool, generalised_mean_pool
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.method import Batch, Method
from vireid_lib.reid.pretrained import HUB_ID, load_imagenet
from vireid_lib.training import schedules
from vireid_lib.user_paths import Source


class TwoStreamConfig(ReidConfig):
    """The common recipe of the released codes of AGW, CAJ, DART, DEEN (AGW_CMReID, train.py and model.py).

    Attributes:
        backbone: "resnet50", or "small" for the miniature world.
        pretrained: ImageNet weights (hub id or local file), or None. The releases: torchvision's.
        non_local: non-local blocks in the backbone. gem: generalised-mean pooling; without it, the mean.
        shared_from: the first of the backbone's layers 1 to 4 that both modalities share.
        label_smoothing: of the identity loss; the releases have none.
        padding: pixels of black border before the random crop.
        flip, erasing: probabilities of mirroring and of random erasing.
        channel_exchange: probability of showing one colour channel of a visible image in all three.
        optimizer: "sgd" (Nesterov, momentum 0.9) or "adamw", with weight decay on every parameter.
        learning_rate: of BN neck and classifier. backbone_rate: share of it for everything else.
        schedule: "drops" (linear warm-up over `warm_up` epochs, then a tenth of the rate from each epoch in `drops` on)
            or "one_cycle" over the whole training.
    """

    ORIGINS = {"release": ("*", "flip_at_test", "similarity")}
    SMALL: ClassVar[Mapping[str, Any]] = {}
    """What a method does otherwise than `SMALL` of this module in the miniature world."""

    height: int = Field(default=288, gt=0)
    width: int = Field(default=144, gt=0)
    identities: int = Field(default=8, ge=2)
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=81, ge=1)
    backbone: Literal["resnet50", "small"] = "resnet50"
    pretrained: Source | None = HUB_ID
    non_local: bool = True
    gem: bool = True
    shared_from: int = Field(default=1, ge=1, le=4)
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
    warm_up: int = Field(default=10, ge=0)
    drops: tuple[int, ...] = (20, 50)

    @classmethod
    def small(cls, **changes: Any) -> "TwoStreamConfig":
        """The recipe of the miniature world: 64×32 pixels, 900 steps, about a minute of one core."""
        return cls(**(SMALL | cls.SMALL | changes))


SMALL = {
    "backbone": "small",
    "pretrained": None,
    "height": 64,
    "width": 32,
    "steps": 900,
    "mix": 0.5,
    "label_smoothing": 0.1,
    "padding": 4,
    "erasing": 0.5,
    "channel_exchange": 0.5,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "backbone_rate": 1.0,
    "weight_decay": 0.01,
    "schedule": "one_cycle",
    "flip_at_test": True,
    "channels_last": True,
}


class TwoStreamMethod(Method):
    """Network, augmentation, optimiser and schedule of a `TwoStreamConfig`. A subclass adds its terms to the
    identity loss in `metric_losses`, or overrides more."""

    config_class = TwoStreamConfig
    config: TwoStreamConfig
    network: TwoStreamNetwork
    erased: Mapping[str, Any] = {}
    """What a method erases otherwise than `augment.random_erasing`: area, fill."""

    def __init__(self, config: TwoStreamConfig, num_identities: int) -> None:
        self.config = config
        self.network = build_network(config, num_identities)

    def augment(self, batch: Batch) -> Batch:
        return replace(
            batch,
            visible=self.augment_images(batch.visible, "visible", batch.generator),
            infrared=self.augment_images(batch.infrared, "infrared", batch.generator),
        )

    def augment_images(self, images: Tensor, modality: str, generator: torch.Generator) -> Tensor:
        """One modality's images in 0..1 as the network takes them."""
        config = self.config
        images = self.move(images, generator)
        if modality == "visible" and config.channel_exchange:
            images = augment.channel_exchange(images, generator, config.channel_exchange)
        return self.erase(augment.normalise(images), generator)

    def move(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The random crop and the mirroring, which every method of the family has."""
        if self.config.padding:
            images = augment.pad_and_crop(images, generator, self.config.padding)
        return augment.horizontal_flip(images, generator, self.config.flip)

    def erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Random erasing of normalised images, if the configuration wants it; see `erased`."""
        if not self.config.erasing:
            return images
        return augment.random_erasing(images, generator, self.config.erasing, **self.erased)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        output = self.network(batch.visible, batch.infrared)
        labels = batch.labels.repeat(len(output.logits) // len(batch.labels))  # DEEN has several rows an image
        terms = {"identity": self.identity_loss(output.logits, labels), **self.metric_losses(output, batch)}
        return {"total": sum(terms.values()), **terms, "accuracy": accuracy(output.logits, labels)}

    def identity_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return identity_cross_entropy(logits, labels, smoothing=self.config.label_smoothing)

    def metric_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms beside the identity loss, from the network's output (visible rows, then infrared ones)."""
        return {}

    def optimizer(self) -> Optimizer:
        """With the releases' three groups for each network: all else at `backbone_rate`, BN neck, classifier."""
        config, groups = self.config, []
        for network in (each for each in self.network.modules() if isinstance(each, TwoStreamNetwork)):
            heads = [list(network.bottleneck.parameters()), list(network.classifier.parameters())]
            ids = {id(parameter) for head in heads for parameter in head}
            rest = [parameter for parameter in network.parameters() if id(parameter) not in ids]
            groups.append({"params": rest, "lr": config.learning_rate * config.backbone_rate})
            groups += [{"params": head, "lr": config.learning_rate} for head in heads]
        if config.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, weight_decay=config.weight_decay, nesterov=True)
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay)

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        if self.config.schedule == "one_cycle":
            return schedules.one_cycle(step, steps)
        return schedules.warm_up_and_drops(epoch, warm_up=self.config.warm_up, drops=self.config.drops)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of rows whose largest logit is the label's; without gradient."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()


BACKBONES = {"resnet50": TwoStreamResNet50, "small": TwoStreamSmall}
SMALL_WIDTH = 192  # of the small networks' features


def build_backbone(
    config: ReidConfig, kinds: Mapping[str, Callable[..., TwoStreamBackbone]] = BACKBONES, **options: Any
) -> TwoStreamBackbone:
    """The backbone that `config.backbone` names among `kinds`, made with `options`, with its ImageNet weights, if the
    configuration has any. Raises ValueError: ImageNet weights for the small backbone; else as `load_imagenet`."""
    if config.backbone == "small" and config.pretrained is not None:
        raise ValueError(f"{config.pretrained!r}: no ImageNet weights for the small backbone; set pretrained to None.")
    backbone = kinds[config.backbone](**options)
    if config.pretrained is not None:
        load_imagenet(backbone, config.pretrained)
    return backbone


def build_network(
    config: TwoStreamConfig, num_identities: int, network_class: type[TwoStreamNetwork] = TwoStreamNetwork
) -> TwoStreamNetwork:
    """AGW's network, which its relatives share. The small one pools four stripes and projects them."""
    small = config.backbone == "small"
    stripes = 4 if small and config.gem else 1
    pool = partial(generalised_mean_pool, stripes=stripes) if config.gem else average_pool
    backbone = build_backbone(config, non_local=config.non_local, shared_from=config.shared_from)
    return network_class(backbone, num_identities, pool=pool, stripes=stripes, width=SMALL_WIDTH if small else None)
