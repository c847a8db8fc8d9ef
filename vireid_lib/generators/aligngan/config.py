"""Every knob of AlignGAN; the paper is not at hand, so the defaults are what the authors' released code does."""

from typing import Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.base.config import AdversarialConfig, refuse_weights_of_small
from vireid_lib.reid.pretrained import HUB_ID
from vireid_lib.user_paths import Source

EPOCH = 100  # steps: the release counts by hundreds


class AlignGanConfig(AdversarialConfig):
    """Settings of the networks, the three phases and the losses.

    Every default is the release's (wangguanan/AlignGAN): square images of 128×128 pixels for generators and
    discriminators, 384×192 for the feature network. Its three phases: the feature network alone on infrared images, the
    generators alone, then both together, at a tenth of the rates from half of that on. Not the release's: identities
    with visible images alone (`visible_only`; it has none), and one visible discriminator for both phases (it starts
    another). An epoch is 100 steps."""

    height: int = Field(128, gt=0)
    width: int = Field(128, gt=0)
    blocks: int = Field(4, ge=1)
    discriminator_halvings: int = Field(5, ge=3)
    backbone: Literal["resnet50", "small"] = "resnet50"  # of the feature network; "small" is the miniature world's
    pretrained: Source | None = HUB_ID
    feature_height: int = Field(384, gt=0)  # to which images are resized for the feature network
    feature_width: int = Field(192, gt=0)
    embedding: int = Field(256, ge=1)  # numbers that the triplet loss sees, and values inside the classifier
    dropout: float = Field(0.5, ge=0, lt=1)  # before the classifier
    identities: int = Field(4, ge=2)  # in a batch of the generators
    images: int = Field(4, ge=1)  # of each of them, in each modality
    visible_only: int = Field(4, ge=0)  # external identities in it, for the cycle and the visible discriminator
    feature_identities: int = Field(18, ge=2)  # in a batch of the feature network
    feature_images: int = Field(4, ge=1)
    feature_warm_up: float = Field(50 / 251, ge=0, lt=1)  # share of the steps that the first phase takes
    pixel_warm_up: float = Field(100 / 251, ge=0, lt=1)
    epochs: int = Field(251, ge=1)
    feature_rate: float = Field(0.2, gt=0)  # of classifier and embedding
    backbone_rate: float = Field(0.1, ge=0)  # share of it for the backbone
    optimizer: Literal["sgd", "adamw"] = "sgd"  # of the feature network: Nesterov, momentum 0.9, weight decay 5e-4
    cycle_weight: float = Field(10.0, ge=0)  # of the generators' losses, as in CycleGAN
    identity_weight: float = Field(5.0, ge=0)
    pixel_class_weight: float = Field(0.1, ge=0)  # generated infrared images must show the identity
    pixel_triplet_weight: float = Field(0.1, ge=0)
    class_weight: float = Field(1.0, ge=0)  # of the feature network's losses
    triplet_weight: float = Field(1.0, ge=0)
    pair_weight: float = Field(0.1, ge=0)  # adversarial, against the discriminator of pairs
    margin: float = Field(1.0, ge=0)  # of the triplet losses, on cosines

    def phases(self) -> tuple[int, int, int]:
        """The step at which each phase ends."""
        steps = self.steps or self.epochs * EPOCH
        first = round(steps * self.feature_warm_up)
        return first, first + round(steps * self.pixel_warm_up), steps

    @model_validator(mode="after")
    def _phases(self) -> Self:
        if self.feature_warm_up + self.pixel_warm_up >= 1:
            raise ValueError("feature_warm_up and pixel_warm_up must leave a share for the last phase: lower one")
        refuse_weights_of_small(self)
        return self
