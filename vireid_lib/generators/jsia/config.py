"""Every knob of JSIA-ReID's generation and variation modules; the defaults are the paper's, or say whose they are."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.base.config import TranslatorConfig, refuse_weights_of_small, released
from vireid_lib.reid.pretrained import HUB_ID
from vireid_lib.user_paths import Source


class JsiaConfig(TranslatorConfig):
    """Settings of the pre-training that section 4.2 speaks of ("first pre-trained for 100 epochs").

    Paper (section 4.2): 256×128 pixels, flips, 16 people with 4 images of each modality, Adam at 2e-4 with betas 0.5
    and 0.999, style encoders of two strided convolutions, decoders of four residual blocks and two upsamplings. It
    prints no weights of the losses, and no widths: these are the release's. An epoch is max(N_visible, N_infrared)
    // (identities · images) + 1 steps, counting the paired identities alone.

    The released form is not followed where it encodes the two modalities apart, each with the batch normalisation of
    its own images.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("expansion", "sampling_batch")

    # "release" only sets other settings to what the released code has (`releases.yaml`); given settings win.
    form: Literal["paper", "release"] = "paper"
    height: int = Field(256, gt=0)
    width: int = Field(128, gt=0)
    backbone: Literal["resnet50", "small"] = "resnet50"  # its first two stages are the set-level encoder
    pretrained: Source | None = HUB_ID  # ImageNet weights of the encoder (hub id or local file), or None
    grey_encoder: bool = False  # turn the encoder's input to grey (the release)
    stem_relu: bool = True  # a ReLU before the encoder's max-pooling; none in the release
    # Whether the set-level encoder learns here, or in the joint training alone (the release). Without `pretrained` it
    # always does.
    train_encoder: bool = True
    cycle_styles: Literal["generated", "first"] = "generated"  # that close a cycle (Eq. 6); the release: the first
    style_dim: int = Field(128, ge=1)  # numbers of a style
    style_width: int = Field(32, ge=1)  # channels after the first convolution of its encoder
    style_downsamplings: int = Field(2, ge=2)  # strided convolutions
    decoder_blocks: int = Field(4, ge=1)  # residual ones, with AdaIN
    upsamplings: int = Field(2, ge=1, le=2)  # doublings of the map, which is a quarter of the encoder's input
    mlp_width: int = Field(256, ge=1)  # of the MLP that turns styles into AdaIN's parameters
    judge_width: int = Field(32, ge=1)  # of the discriminators; the release's
    judge_layers: int = Field(4, ge=1)
    judge_scales: int = Field(2, ge=1)
    epochs: int = Field(100, ge=1)
    identities: int = Field(16, ge=2)  # in a batch, that have both modalities
    images: int = Field(4, ge=1)  # of each of them, in each modality
    # Identities in a batch with visible images alone, where there are such; only reconstructed, for the paper exchanges
    # styles within a person.
    visible_only: int = Field(4, ge=0)
    # Images that decoders and style encoders take at once, of a larger batch; the backward pass computes them again.
    # None takes any batch at once. Both treat each image by itself (AdaIN, no batch normalisation) and their losses are
    # means over images, so that gradients are the same up to rounding. The encoders' batch normalisation and the
    # triplets of the joint training see the whole batch either way. At the paper's size the tensors of a pre-training
    # step take 11 GB, of a joint step 37 GB; 86 and 132 GB without micro-batches (counted, in float32; workspaces come
    # on top).
    micro_batch: int | None = Field(16, ge=1)
    learning_rate: float = Field(2e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    reconstruction_weight: float = Field(10.0, ge=0)  # of Eq. 4; Eq. 8 prints two unknown weights
    cycle_weight: float = Field(10.0, ge=0)  # of Eq. 5
    gan_weight: float = Field(1.0, ge=0)  # of Eq. 7
    feature_weight: float = Field(0.0, ge=0)  # of the distance of contents and styles to those of images made from them
    feature_reaches_encoder: bool = True  # whether that distance trains the encoder too; not in the release
    variation: bool = True  # the module of section 3.2; its losses do not reach the encoder, whose task they would ease
    latent_dim: int = Field(256, ge=1)  # numbers of z; not printed
    latent_width: int = Field(256, ge=1)  # channels of the first of three strided convolutions; not printed
    # Of the norms of μ and τ − 1 in Eq. 10, next to the L1 norm; both are divided by the number of values of a map.
    distribution_weight: float = Field(1.0, ge=0)
    # What `expand` makes: one image with a style of the camera, or two images of a person in the latent space (Eq. 14).
    expansion: Literal["translate", "mix"] = "translate"

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the encoder's input."""
        return self.height * self.enlargement, self.width * self.enlargement

    @property
    def enlargement(self) -> int:
        """How many times as high as a picture the encoder's input is: its maps are a quarter of it."""
        return 4 // 2**self.upsamplings

    @property
    def encoder_trains(self) -> bool:
        return self.train_encoder or self.pretrained is None

    _form = released("jsia")

    def sides(self) -> tuple[int, int, str]:
        least = 2 ** max(self.judge_layers + self.judge_scales - 1, self.style_downsamplings)
        remedy = "leave out the variation, or take fewer judge_layers, judge_scales, style_downsamplings"
        return (32 if self.variation else 4) // self.enlargement, least, remedy

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_weights_of_small(self)
        if self.expansion == "mix" and not self.variation:
            raise ValueError("expansion 'mix' needs the variation module: set variation to True, or translate")
        return self
