"""MPANet: modality alleviation, pattern alignment, mutual mean learning, centre cluster loss.

Wu, Dai, Chen, Lin, Wu, Huang, Zhong, Ji: "Discover Cross-Modality Nuances for Visible-Infrared Person
Re-Identification", CVPR 2021.
"""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from vireid_lib.data import augment
from vireid_lib.data.exhaustive_sampling import ExhaustiveIdentitySampler, MixedExhaustiveSampler, OnceAnEpochSampler
from vireid_lib.data.sampling import Sampler
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.layers.backbones import TwoStreamResNet50, TwoStreamSmall, check_images, draw_weights
from vireid_lib.reid.layers.network import Images, Infrared, Maps, Trunk, TwoStreamNetwork, check_batch, stream_aside
from vireid_lib.reid.losses.centre_losses import centre_cluster, centre_loss
from vireid_lib.reid.losses.divergences import mutual_mean
from vireid_lib.reid.losses.orthogonality import pattern_separation
from vireid_lib.reid.losses.shapes import Form
from vireid_lib.reid.losses.triplets import hard_triplet
from vireid_lib.reid.method import Batch, Classes
from vireid_lib.reid.pretrained import HUB_ID
from vireid_lib.reid.two_stream import SMALL, TwoStreamMethod, accuracy, build_backbone
from vireid_lib.user_paths import Source

Patterns = Float[Tensor, "batch patterns h w"]
GREY = 127 / 255  # what the released code pads with


class MpanetConfig(ReidConfig):
    """The defaults are those of the released code for SYSU-MM01 (MPANet, configs/SYSU.yml and models/).

    Attributes:
        images: per modality; the released k_size is twice it. epochs: each as long as `sampler` makes it.
        form: "paper" takes the losses' usual definitions (the paper's own equations were not at hand). In "release", as
            in the released code, the modality classifiers' cross-entropy counts twice; the divergence is taken the
            other way round, so that its gradient flows through the target (the mean teacher); the centre loss is
            divided by the number of identities as well.
        sampler: "identity_random" shows the images of an identity without repeating them (the released configurations),
            "identity_uniform" each identity once an epoch (the release's other choice), "with_replacement" is AGW's.
        patterns: n of the pattern alignment module. separation_weight: of their maps' separation.
        modality_weight: of the cross-entropy of the modalities' own classifiers.
        mutual_weight: of the divergence between a classifier and the other modality's mean teacher.
        update_rate: of the mean teachers, each step; from epoch 100 on, it falls with 100 / (epoch + 2).
        margin: of the centre cluster loss, and of the triplet loss.
        centre_cluster_weight, triplet_weight, centre_weight: of the losses on the features before the BN neck; the
            released configurations take the first alone.
        padding: pixels of grey border before the random crop. erasing: probability of erasing 2 % to 33 % of the image.
        channel_exchange: not in MPANet; like the rest, as in `TwoStreamConfig`.
        optimizer: with one rate for all parameters. drops: 110 alone on RegDB.
    """

    ORIGINS = {"release": ("*",), "ours": ("form",)}

    method: str = "mpanet"
    height: int = Field(default=384, gt=0)
    width: int = Field(default=128, gt=0)
    identities: int = Field(default=16, ge=2)
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=140, ge=1)
    form: Form = "paper"
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
    warm_up: ClassVar[int] = 0
    drops: tuple[int, ...] = (80, 120)

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "MpanetConfig":
        """The released configuration of "sysu_mm01" or "regdb"; there is none of "llcm", which gets the former."""
        regdb = {"height": 256, "identities": 12, "images": 5, "drops": (110,)}
        return cls(**((regdb if dataset == "regdb" else {}) | changes))

    @classmethod
    def small(cls, **changes: Any) -> "MpanetConfig":
        """The recipe of the miniature world. One training on the real images of profile mini's world (seed 0) had a
        rank-1 of 28.5 % after 300 steps and of 35.9 % after these 900; chance is 2 %."""
        shared = {name: value for name, value in SMALL.items() if name != "backbone_rate"}
        return cls(**(shared | {"identities": 8} | changes))


class ModalityAlleviation(nn.Module):
    """y = g·x + (1 − g)·IN(x), with a gate g in 0..1 per channel that the image's mean features decide; its hidden
    layer has a sixteenth of the channels, as in the released code. Instance normalisation takes a channel's mean and
    deviation over the image away, and with them much of what tells infrared from visible; the gate keeps them where
    they serve the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.expand = nn.Conv2d(channels // 16, channels, 1, bias=False)
        draw_weights(self)

    def forward(self, maps: Maps) -> Maps:
        means = maps.mean(dim=(2, 3), keepdim=True)
        gate = self.expand(self.reduce(means).relu()).sigmoid()
        return maps * gate + functional.instance_norm(maps) * (1 - gate)


class PatternAlignment(nn.Module):
    """Attention maps of n patterns, which both modalities share, so that feature i is about the same thing in each; a
    pattern weighs the feature map before it is averaged. `pattern_separation` keeps them apart."""

    def __init__(self, channels: int, patterns: int = 6) -> None:
        super().__init__()
        self.attention = nn.Conv2d(channels, patterns, 1)
        nn.init.zeros_(self.attention.bias)

    def forward(self, maps: Maps) -> Float[Tensor, "batch features"]:
        """[B, C, h, w] → [B, (n + 1)·C]: the patterns in order, the plain mean last."""
        return self.describe(maps, self.patterns(maps))

    def patterns(self, maps: Maps) -> Patterns:
        """Attention of each pattern at each place, 0..1: [B, n, h, w]."""
        return self.attention(maps).sigmoid()

    def describe(self, maps: Maps, patterns: Patterns) -> Float[Tensor, "batch features"]:
        """The features of `forward` for given attention maps."""
        places = maps.flatten(2)
        parts = patterns.flatten(2) @ places.transpose(1, 2) / places.shape[2]
        return torch.cat((parts.flatten(1), places.mean(dim=2)), dim=1)


class SingleStream:
    """Makes a backbone MPANet's: no non-local blocks, one stem, modality alleviation after layers 3 and 4."""

    def __init__(self) -> None:
        super().__init__(non_local=False)
        self.stems = nn.ModuleDict({"shared": self.stems["visible"]})
        self.alleviation = nn.ModuleDict({f"layer{i}": ModalityAlleviation(self.widths[i]) for i in (3, 4)})

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Maps:
        """Low-level map of images of either modality; a training batch passes as one."""
        check_images(images, modality)
        return self.stems["shared"](images)

    def trunk(self, maps: Maps, layers: Iterable[str] | None = None) -> Trunk:
        for layer in self.shared if layers is None else layers:
            maps = super().trunk(maps, (layer,))
            if layer in self.alleviation:
                maps = self.alleviation[layer](maps)
        return maps


class SingleStreamResNet50(SingleStream, TwoStreamResNet50):
    """An image of 384×128 becomes a map of 24×8 with 2,048 channels."""


class SingleStreamSmall(SingleStream, TwoStreamSmall):
    """The miniature world's network: 64×32 becomes a map of 8×4."""


class PatternOutput(NamedTuple):
    """A training pass; rows are the visible images, then the infrared ones."""

    pooled: Float[Tensor, "rows dim"]  # pattern features and the global one, before the BN neck
    patterns: Float[Tensor, "rows patterns h w"]  # attention maps
    logits: Float[Tensor, "rows identities"]  # by the classifier that both modalities share
    own_logits: Float[Tensor, "rows identities"]  # each row by the classifier of its modality
    teacher_logits: Float[Tensor, "rows identities"]  # by the mean teacher of the *other* modality's; no gradient
    centres: Float[Tensor, "identities dim"] | None  # learnt ones of the identities, if the network has them


class PatternNetwork(TwoStreamNetwork):
    """The map of a `SingleStream` → n pattern features and a global one, side by side → BN neck → classifiers, with a
    mean teacher of each modality's own one; with `centres`, a learnt centre of each identity, for `centre_loss`. The
    feature for retrieval is the BN neck's, (n + 1)·C wide: 7 × 2,048 with ResNet-50 and six patterns. Initial weights
    of neck and classifiers are torch's own, as in the released code."""

    def __init__(self, backbone: nn.Module, identities: int, *, patterns: int = 6, centres: bool = False) -> None:
        alignment = PatternAlignment(backbone.channels, patterns)
        super().__init__(backbone, identities, pool=alignment, stripes=patterns + 1)
        nn.init.ones_(self.bottleneck.weight)
        with stream_aside():
            self.classifier.reset_parameters()
            self.own_classifiers = self._per_modality(identities)
            self.teachers = self._per_modality(identities).requires_grad_(False)
            self.centres = nn.Parameter(torch.randn(identities, self.width)) if centres else None
        self.teachers.load_state_dict(self.own_classifiers.state_dict())

    def forward(self, visible: Images, infrared: Infrared) -> PatternOutput:
        return self.head(self.batch_maps(visible, infrared), len(visible))

    def batch_maps(self, visible: Tensor, infrared: Tensor) -> Trunk:
        """The maps of a training batch, whose two modalities pass the stem together."""
        check_batch(visible, infrared)
        check_images(infrared, "infrared")
        return self.feature_map(torch.cat((visible, infrared)), "visible")

    def head(self, maps: Maps, visible: int) -> PatternOutput:
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
        return nn.ModuleDict({name: nn.Linear(self.width, identities, bias=False) for name in ("visible", "infrared")})


class Mpanet(TwoStreamMethod):
    config_class = MpanetConfig
    config: MpanetConfig
    network: PatternNetwork
    erased = {"area": (0.02, 0.33)}

    network_class: ClassVar[type[PatternNetwork]] = PatternNetwork

    def __init__(self, config: MpanetConfig, num_identities: int) -> None:
        backbone = build_backbone(config, {"resnet50": SingleStreamResNet50, "small": SingleStreamSmall})
        options = {"patterns": config.patterns, "centres": config.centre_weight > 0}
        self.config, self.network = config, self.network_class(backbone, num_identities, **options)
        self.plain = self.network  # stays what it is when the trainer wraps `network` for several processes

    def move(self, images: Tensor, generator: torch.Generator) -> Tensor:
        images = augment.horizontal_flip(images, generator, self.config.flip)
        return augment.pad_and_crop(images, generator, self.config.padding, GREY) if self.config.padding else images

    @classmethod
    def sampler(
        cls, config: MpanetConfig, visible: Classes, infrared: Classes, *, external: Collection[int], seed: int
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
        identity = self.identity_loss(output.logits, labels)
        sides = [(output.own_logits[side], labels[side]) for side in (slice(visible), slice(visible, None))]
        # A sum over no image at all is 0, the mean would not be a number.
        own = [self.identity_loss(*side) if len(side[1]) else side[0].sum() for side in sides]
        terms = {
            "identity": identity,
            "modality": config.modality_weight * (1 + release) * (own[0] + own[1]),
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
        return {"total": sum(terms.values()), **terms, "accuracy": accuracy(output.logits, labels)}

    def optimizer(self) -> Optimizer:
        kind = torch.optim.Adam if self.config.optimizer == "adam" else torch.optim.AdamW
        return kind(self.network.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)


METHOD = Mpanet
