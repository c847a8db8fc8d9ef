"""The re-identification network of JSIA-ReID: set-level encoder, instance-level encoder, classifiers (section 3.3)."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.generators.jsia.encoders import InstanceLevelEncoder, SetLevelEncoder
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.networks import Maps
from vireid_lib.generators.networks import Images
from vireid_lib.reid.layers.checks import check_images
from vireid_lib.reid.layers.head import average_pool, bn_neck, generalised_mean_pool, identity_classifier

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

    def forward(self, inputs: Images | Maps, part: Literal["all", "set_level", "instance_level"] = "all"):
        """Images to an `Output`; or to the set level's maps alone; or from those maps to an `Output`."""
        maps = inputs if part == "instance_level" else self.set_level(inputs)
        if part == "set_level":
            return maps
        maps = self.instance_level(maps)
        pooled = self.pool(maps)
        return Output(pooled, self.classifier(self.bottleneck(pooled)), self._local(maps))

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

    def _local(self, maps: Maps) -> Float[Tensor, "batch regions identities"] | None:
        if not self.regions:
            return None
        parts = maps.unflatten(2, (self.regions, -1)).mean((3, 4)).unbind(2)
        return torch.stack([head(part) for head, part in zip(self.local, parts, strict=True)], 1)
