"""Every knob of AlignGAN; the paper is not at hand, so the defaults are what the authors' released code does."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from vireid_lib.generators.config import TranslatorConfig
from vireid_lib.places import Source
from vireid_lib.reid.pretrained import HUB_ID

EPOCH = 100
"""Steps: the release counts by hundreds."""


class AlignGanConfig(TranslatorConfig):
    """Settings of the networks, the three phases and the losses.

    Every default is the release's (wangguanan/AlignGAN), which shows square images of 128×128 pixels to generators and
    judges, and 384×192 to the feature network. Its own three phases: the feature network alone on infrared images, the
    generators beside it, then both together, at a tenth of the rates from half of that on. Not the release's: people
    with visible images alone (`visible_only`; it has none), and one visible judge for both phases (it starts another).
    An epoch is 100 steps.

    Attributes:
        generator_width, blocks, generator_halvings, shortcut: see `LabelledGenerator`.
        discriminator_width, discriminator_halvings: see `ImageJudge` and `PairJudge`.
        backbone, pretrained: of the feature network; "small" is the miniature world's, without ImageNet weights.
        feature_height, feature_width: to which images are resized for it.
        embedding: numbers that the triplet loss sees, and values inside the classifier.
        dropout: before the classifier.
        identities, images: people in a batch of the generators, and images of each of them in each modality.
        visible_only: people in it with visible images alone, where there are such (external ones): the cycle and the
            visible judge see them.
        feature_identities, feature_images: of a batch of the feature network.
        feature_warm_up, pixel_warm_up: shares of the steps that the first two phases take; 50 and 100 of 251 epochs.
        learning_rate: of generators and judges (Adam). feature_rate: of classifier and embedding. backbone_rate: share
            of it for the backbone.
        optimizer: of the feature network: "sgd" (Nesterov, momentum 0.9, weight decay 5e-4) or "adamw".
        cycle_weight, identity_weight: of the generators' losses, as in CycleGAN.
        pixel_class_weight, pixel_triplet_weight: made infrared images shall show the person.
        class_weight, triplet_weight, pair_weight: of the feature network's losses; the last fools the pair judge.
        margin: of the triplet losses, on cosines.
    """

    height: int = Field(128, gt=0)
    width: int = Field(128, gt=0)
    generator_width: int = Field(64, ge=1)
    blocks: int = Field(4, ge=1)
    generator_halvings: int = Field(2, ge=1)
    shortcut: bool = False
    discriminator_width: int = Field(64, ge=1)
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
    learning_rate: float = Field(2e-4, gt=0)
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

    @classmethod
    def small(cls, **changes: Any) -> AlignGanConfig:
        """For the miniature world at 64×32 pixels, with the generators of CycleGAN's recipe. On a world of another seed
        a baseline network finds the person in 40 % of the pictures (of greyscale copies in 36 %, of true infrared in
        38 %); they are as sharp as real ones, with a trace of the colours that the cycle wants back."""
        own = {
            "height": 64,
            "width": 32,
            "generator_width": 12,
            "blocks": 2,
            "generator_halvings": 1,
            "shortcut": True,
            "discriminator_width": 16,
            "discriminator_halvings": 3,
            "backbone": "small",
            "pretrained": None,
            "feature_height": 64,
            "feature_width": 32,
            "embedding": 64,
            "identities": 2,
            "images": 2,
            "visible_only": 1,
            "feature_identities": 8,
            "feature_images": 2,
            "feature_warm_up": 0.15,
            "pixel_warm_up": 0.5,
            "steps": 900,
            "learning_rate": 5e-4,
            "feature_rate": 3e-3,
            "backbone_rate": 1.0,
            "optimizer": "adamw",
            "identity_weight": 1.0,
            "checkpoint_every": 150,
        }
        return cls(**(own | changes))

    def phases(self) -> tuple[int, int, int]:
        """The step at which each phase ends."""
        steps = self.steps or self.epochs * EPOCH
        first = round(steps * self.feature_warm_up)
        return first, first + round(steps * self.pixel_warm_up), steps

    @model_validator(mode="after")
    def _sizes(self) -> AlignGanConfig:
        factor = 2 ** max(self.generator_halvings, self.discriminator_halvings)
        if self.height % factor or self.width % factor:
            raise ValueError(
                f"height x width is {self.height}x{self.width}: both must be multiples of {factor}, or "
                "take fewer halvings"
            )
        if self.feature_warm_up + self.pixel_warm_up >= 1:
            raise ValueError(
                f"feature_warm_up and pixel_warm_up are {self.feature_warm_up} and {self.pixel_warm_up}: "
                "together they must leave a share for the last phase"
            )
        if self.backbone == "small" and self.pretrained is not None:
            raise ValueError(
                f"pretrained is {self.pretrained!r}, but there are no ImageNet weights for the small "
                "backbone: set it to None."
            )
        return self
