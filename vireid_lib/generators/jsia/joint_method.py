"""The joint training's ReID network (section 3.3), and what it learns from: identity losses, alignment of pairs."""

from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from vireid_lib.data import augment
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.jsia import losses
from vireid_lib.generators.jsia.encoders import InstanceLevelEncoder, SetLevelEncoder
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.networks import Maps
from vireid_lib.reid.layers.backbones import check_images
from vireid_lib.reid.layers.network import average_pool, bn_neck, generalised_mean_pool, identity_classifier
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.triplets import cross_modality_triplet, hard_triplet
from vireid_lib.reid.method import Batch, Method
from vireid_lib.training import schedules

SMALL_STRIPES, SMALL_WIDTH = 4, 192  # as the miniature world's other networks have it


class Output(NamedTuple):
    """A pass through the instance level: V, its predictions, and those for each region (None without regions)."""

    pooled: Float[Tensor, "batch dim"]
    logits: Float[Tensor, "batch identities"]
    local: Float[Tensor, "batch regions identities"] | None


class JsiaNetwork(nn.Module):
    """One stream for both modalities; images are in ImageNet's normalisation. The small network projects the means of
    four stripes, as its relatives do; the mean of the map (section 3.3) otherwise."""

    def __init__(self, config: JsiaReidConfig, identities: int) -> None:
        super().__init__()
        self.set_level = SetLevelEncoder(config.backbone, grey=config.grey_encoder, stem_relu=config.stem_relu)
        self.instance_level = InstanceLevelEncoder(config.backbone)
        channels, self.small = self.instance_level.channels, config.backbone == "small"
        self.reduce = nn.Linear(SMALL_STRIPES * channels, SMALL_WIDTH, bias=False) if self.small else nn.Identity()
        self.width = SMALL_WIDTH if self.small else channels
        self.bottleneck, self.classifier = bn_neck(self.width), identity_classifier(self.width, identities)
        self.regions = config.regions if config.lr_weight else 0
        self.local = nn.ModuleList()
        for _ in range(self.regions):
            self.local.append(nn.Sequential(bn_neck(channels), identity_classifier(channels, identities)))
        self.behind_neck = config.feature == "neck"
        if config.channels_last:
            self.to(memory_format=torch.channels_last)

    def forward(self, inputs: Images | Maps, part: Literal["all", "set_level", "instance_level"] = "all"):
        """Images to an `Output`; or to the set level's maps alone; or from those maps to an `Output`."""
        maps = inputs if part == "instance_level" else self.set_level(inputs)
        if part == "set_level":
            return maps
        maps = self.instance_level(maps)
        pooled = self.pool(maps)
        parts = maps.unflatten(2, (self.regions, -1)).mean((3, 4)).unbind(2) if self.regions else ()
        local = torch.stack([head(part) for head, part in zip(self.local, parts, strict=True)], 1) if parts else None
        return Output(pooled, self.classifier(self.bottleneck(pooled)), local)

    def pool(self, maps: Maps) -> Float[Tensor, "batch dim"]:
        if not self.small:
            return average_pool(maps)
        return self.reduce(generalised_mean_pool(maps, power=1.0, stripes=SMALL_STRIPES))

    def feature_map(self, images: Images, modality: str) -> Maps:
        check_images(images, modality)
        return self.instance_level(self.set_level(images))

    def features(self, images: Images, modality: str) -> Float[Tensor, "batch dim"]:
        """The feature for retrieval, not yet L2-normalised: V (Eq. 17), or behind the BN neck."""
        return self.describe(self.feature_map(images, modality))

    def describe(self, maps: Maps) -> Float[Tensor, "batch dim"]:
        pooled = self.pool(maps)
        return self.bottleneck(pooled) if self.behind_neck else pooled


class JsiaMethod(Method):
    """Network, augmentation, identity losses and rates; `JointTask` adds what needs generated images."""

    starts_from = "jsia"
    config_class = JsiaReidConfig
    network: JsiaNetwork

    def __init__(self, config: JsiaReidConfig, num_identities: int) -> None:
        self.config, self.network = config, JsiaNetwork(config, num_identities)

    def move(self, batch: Batch) -> Batch:
        """The mirrored and shifted images, still in 0..1: what generators and network see alike."""
        config, moved = self.config, {}
        for name in ("visible", "infrared"):
            images = augment.horizontal_flip(getattr(batch, name), batch.generator, config.flip)
            moved[name] = augment.pad_and_crop(images, batch.generator, config.padding) if config.padding else images
        return replace(batch, **moved)

    def augment(self, batch: Batch) -> Batch:
        """Moved images as the network takes them."""
        normal, erasing = {}, self.config.erasing
        for name in ("visible", "infrared"):
            images = augment.normalise(getattr(batch, name))
            normal[name] = augment.random_erasing(images, batch.generator, erasing) if erasing else images
        return replace(batch, **normal)

    def identity_losses(self, output: Output, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Classification and triplet loss of the real images (Eq. 13), whose rows are the visible images, then the
        infrared ones; the paper prints its distances with the wrong sign. With regions, their classifiers' loss."""
        config, labels = self.config, batch.labels
        found = {"identity": identity_cross_entropy(output.logits, labels, smoothing=config.label_smoothing)}
        counts = [len(batch.visible), len(batch.infrared)]
        if config.triplet == "across":
            parts = (*output.pooled.split(counts), batch.visible_labels, batch.infrared_labels)
            found["triplet"] = cross_modality_triplet(*parts, margin=config.margin)
        else:
            found["triplet"] = hard_triplet(output.pooled, labels, margin=config.margin)
        if output.local is not None:
            flat, each = output.local.flatten(0, 1), labels.repeat_interleave(output.local.shape[1])
            found["regions"] = config.lr_weight * identity_cross_entropy(flat, each, smoothing=config.label_smoothing)
            if config.local_pairs == "unpaired":
                visible, infrared = output.local.split(counts)
                found["lr"] = config.lr_weight * losses.divergence(infrared, visible)
        return found

    def alignment_losses(self, real: dict[str, Output], fake: dict[str, Output]) -> dict[str, Float[Tensor, ""]]:
        """Instance-level alignment of whole images and of regions (Eq. 11, 12), weighted; `fake` are the images of a
        modality that were made of the other's `real` ones."""
        config, found = self.config, {}
        if config.il_weight:
            logits = ({name: each.logits for name, each in kind.items()} for kind in (real, fake))
            found["il"] = config.il_weight * losses.alignment(*logits, config.divergence)
        if config.lr_weight and config.local_pairs == "paired":
            local = ({name: each.local for name, each in kind.items()} for kind in (real, fake))
            found["lr"] = config.lr_weight * losses.alignment(*local, config.divergence)
        return found

    def optimizer(self) -> Optimizer:
        config = self.config
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        betas = (config.first_beta, 0.999)
        return kind(learning, lr=config.learning_rate, betas=betas, weight_decay=config.weight_decay)

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        if self.config.schedule == "one_cycle":
            return schedules.one_cycle(step, steps)
        return self.drop(epoch)

    def drop(self, epoch: int) -> float:
        """Share of every rate after the drops; 1 with the one-cycle schedule, which is the network's alone."""
        if self.config.schedule == "one_cycle":
            return 1.0
        return 0.1 ** sum(epoch >= drop for drop in self.config.drops)
