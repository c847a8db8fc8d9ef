"""Every knob of AlignGAN; the paper is not at hand, so the defaults are what the authors' released code does."""

from typing import Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.config import AdversarialConfig, refuse_weights_of_small
from vireid_lib.places import Source
from vireid_lib.reid.pretrained import HUB_ID

EPOCH = 100
"""Steps: the release counts by hundreds."""


class AlignGanConfig(AdversarialConfig):
    """Settings of the networks, the three phases and the losses.

    Every default is the release's (wangguanan/AlignGAN): square images of 128×128 pixels for generators and
    discriminators, 384×192 for the feature network. Its three phases: the feature network alone on infrared images, the
    generators alone, then both together, at a tenth of the rates from half of that on. Not the release's: identities
    with visible images alone (`visible_only`; it has none), and one visible discriminator for both phases (it starts
    another). An epoch is 100 steps.

    Attributes:
        backbone, pretrained: of the feature network; "small" is the miniature world's, without ImageNet weights.
        feature_height, feature_width: to which images are resized for it.
        embedding: numbers that the triplet loss sees, and values inside the classifier.
        dropout: before the classifier.
        identities, images: identities in a batch of the generators, and images of each of them in each modality.
        visible_only: identities in it with visible images alone, where there are such (external ones), for the cycle
            and the visible discriminator.
        feature_identities, feature_images: of a batch of the feature network.
        feature_warm_up, pixel_warm_up: shares of the steps that the first two phases take; 50 and 100 of 251 epochs.
        feature_rate: of classifier and embedding.
        backbone_rate: share of it for the backbone.
        optimizer: of the feature network: "sgd" (Nesterov, momentum 0.9, weight decay 5e-4) or "adamw".
        cycle_weight, identity_weight: of the generators' losses, as in CycleGAN.
        pixel_class_weight, pixel_triplet_weight: generated infrared images must show the identity.
        class_weight, triplet_weight, pair_weight: of the feature network's losses; the last is adversarial, against the
            discriminator of pairs.
        margin: of the triplet losses, on cosines.
    """

    height: int = Field(128, gt=0)
    width: int = Field(128, gt=0)
    blocks: int = Field(4, ge=1)
    discriminator_halvings: int = Field(5, ge=3)
    backbone: Literal["resnet50", "small"] = "resnet50"
    pretrained: Source | None = HUB_ID
    feature_height: int = Field(384, gt=0)
    feature_width: int = Field(192, gt=0)
    embedding: int = Field(256, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    identities: int = Field(4, ge=2)
    images: int = Field(4, ge=1)
    visible_only: int = Field(4, ge=0)
    feature_identities: int = Field(18, ge=2)
    feature_images: int = Field(4, ge=1)
    feature_warm_up: float = Field(50 / 251, ge=0, lt=1)
    pixel_warm_up: float = Field(100 / 251, ge=0, lt=1)
    epochs: int = Field(251, ge=1)
    feature_rate: float = Field(0.2, gt=0)
    backbone_rate: float = Field(0.1, ge=0)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    cycle_weight: float = Field(10.0, ge=0)
    identity_weight: float = Field(5.0, ge=0)
    pixel_class_weight: float = Field(0.1, ge=0)
    pixel_triplet_weight: float = Field(0.1, ge=0)
    class_weight: float = Field(1.0, ge=0)
    triplet_weight: float = Field(1.0, ge=0)
    pair_weight: float = Field(0.1, ge=0)
    margin: float = Field(1.0, ge=0)

    def phases(self) -> tuple[int, int, int]:
        """The step at which each phase ends."""
        steps = self.steps or self.epochs * EPOCH
        first = round(steps * self.feature_warm_up)
        return first, first + round(steps * self.pixel_warm_up), steps

    @model_validator(mode="after")
    def _phases(self) -> Self:
        if self.feature_warm_up + self.pixel_warm_up >= 1:
            raise ValueError(
                f"feature_warm_up and pixel_warm_up are {self.feature_warm_up} and {self.pixel_warm_up}: "
                "together they must leave a share for the last phase"
            )
        refuse_weights_of_small(self)
        return self
