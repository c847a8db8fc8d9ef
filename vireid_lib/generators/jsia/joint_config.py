"""Every knob of JSIA-ReID's joint training; the defaults are the paper's, or say whose they are."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.base.config import recipe, refuse_weights_of_small, released
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.pretrained import HUB_ID
from vireid_lib.user_paths import Source


class JsiaReidConfig(ReidConfig):
    """Settings of the second phase of section 4.2 ("jointly optimized for 50 epochs").

    Paper (section 4.2): 256×128 pixels, flips, 16 people with 4 images of each modality, Adam at 2e-4 with betas 0.5
    and 0.999, a tenth of the rate from epoch 30 on. The weights λ were found by cross-validation and are not printed
    (Fig. 5 shows curves without numbers): 1 here. Nor are the margin and the number of regions: the release's 0.3, and
    4 here.
    The released form is not followed where it draws other images for the generators than for the network, and passes
    the modalities through the network one by one.
    """

    ORIGINS = {
        "paper": ("*",),
        "release": ("pretrained", "margin"),
        "ours": ("il_weight", "lr_weight", "ui_weight", "modality_weight", "regions", "weight_decay", "epoch_steps"),
    }

    method: str = "jsia"
    # "release" only sets other settings to what the released code has (`releases.yaml`); given settings win.
    form: Literal["paper", "release"] = "paper"
    height: int = Field(default=256, gt=0)
    width: int = Field(default=128, gt=0)
    identities: int = Field(default=16, ge=2)
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=50, ge=1)
    backbone: Literal["resnet50", "small"] = "resnet50"  # as in `JsiaConfig`, which must have the same
    pretrained: Source | None = HUB_ID
    grey_encoder: bool = False  # as in `JsiaConfig`
    stem_relu: bool = True
    # SL of Table 3: shared with the modality-invariant encoder; "separate" (×); or "adversarial" (−), separate and
    # trained against a discriminator of modality, as in cmGAN.
    set_level: Literal["shared", "separate", "adversarial"] = "shared"
    modality_weight: float = Field(default=0.1, ge=0)  # of the encoder's loss against that discriminator
    il_weight: float = Field(default=1.0, ge=0)  # λ_il of the instance-level alignment (IL), 0 leaves it out
    # λ_lr of the local regions (LR). The term has the regions' classification loss too (Sun et al. 2018, which the
    # paper follows), or their classifiers would agree by saying nothing.
    lr_weight: float = Field(default=1.0, ge=0)
    # Of the alignment: KL as printed (Eq. 11), or the sum of both directions, without a gradient through the real image
    # (the release).
    divergence: Literal["as_printed", "both_ways"] = "as_printed"
    local_pairs: Literal["paired", "unpaired"] = "paired"  # regions are aligned of real and generated, or (−) real ones
    regions: int = Field(default=4, ge=1)  # n of Eq. 12
    ui_weight: float = Field(default=1.0, ge=0)  # λ_ui of the unseen identities (UI)
    # Whether these three reach the generators, through the generated images ("in an end-to-end way", Algorithm 1); not
    # in the release.
    end_to_end: bool = True
    triplet: Literal["all", "across"] = "all"  # hardest images of all others, or across the modalities (the release)
    feature: Literal["pooled", "neck"] = "pooled"  # for retrieval (Eq. 17), or behind the BN neck (the release)
    margin: float = Field(default=0.3, ge=0)  # of the hard triplet
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)  # of the identity loss; the paper has none
    flip: float = Field(default=0.5, ge=0, le=1)
    padding: int = Field(default=0, ge=0)  # random crop of what is classified; none in the paper
    erasing: float = Field(default=0.0, ge=0, le=1)  # random erasing of it; none in the paper
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(default=2e-4, gt=0)  # of the encoders and classifiers
    first_beta: float = Field(default=0.5, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    generation_rate: float = Field(default=2e-4, gt=0)  # of generators and discriminators
    generation_decay: float = Field(default=0.0, ge=0)
    # How many of the batch's people, and of their images, pass the generators too; None is all (the paper).
    generation_identities: int | None = Field(default=None, ge=2)
    generation_images: int | None = Field(default=None, ge=1)
    # Generators, and what needs them, take part in each so-many-th step; 1 is the paper.
    generate_every: int = Field(default=1, ge=1)
    schedule: Literal["drops", "one_cycle"] = "drops"  # "one_cycle" for the miniature world: of the network alone
    drops: tuple[int, ...] = (30,)  # epochs at which the rates fall to a tenth

    @classmethod
    def small(cls, **changes: Any) -> Self:
        return cls(**(recipe("jsia joint", changes.get("form", "paper")) | changes))

    @property
    def needs_generation(self) -> bool:
        """Whether anything that the ReID network learns from depends on generated images; else none are made."""
        local = self.lr_weight if self.local_pairs == "paired" else 0.0
        return self.set_level == "shared" or bool(self.il_weight or local or self.ui_weight)

    _form = released("jsia joint")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for what in ("identities", "images"):
            mine, whole = getattr(self, f"generation_{what}"), getattr(self, what)
            if mine is not None and mine > whole:
                raise ValueError(f"generation_{what} is {mine}, but a batch has {whole}: lower it, or None for all")
        refuse_weights_of_small(self)
        rows = self.height // (8 if self.backbone == "small" else 16)
        if rows % self.regions or (self.backbone == "small" and rows % 4):
            raise ValueError(f"a map {rows} rows high has no {self.regions} equal regions: change regions or height")
        return self
