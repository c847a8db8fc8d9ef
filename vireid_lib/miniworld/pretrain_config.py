"""Every knob of the miniature base model's pre-training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BankConfig(_Strict):
    """The pictures that the base model learns from: visible only, random cameras, people of their own seed."""

    images: int = Field(96_000, ge=2)
    held_out: int = Field(1_000, ge=1, description="further pictures that only the report sees")
    height: int = 64
    width: int = 32


class VaeConfig(_Strict):
    """`AutoencoderKL`: two halvings, so 64x32 pixels become 16x8 latents.

    Most of the work is at full resolution, where few channels suffice; `kl` is small because the latents must
    carry detail (the KL term only keeps them centred and smooth).
    """

    channels: tuple[int, ...] = (16, 32, 64)
    layers: int = 1
    latent_channels: int = 12
    groups: int = 8
    steps: int = 6_000
    batch: int = 16
    learning_rate: float = 3e-3
    l1: float = 0.5
    kl: float = 3e-4
    grey: float = Field(0.15, description="share of pictures shown in grey: the codec must not need colour")


class TextConfig(_Strict):
    """`CLIPTextModel`."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    length: int = 48


class DenoiserConfig(_Strict):
    """`UNet2DConditionModel` over 16x8 latents, cross-attention wherever there are at least 8x4 positions.

    `heads` is what diffusers calls `attention_head_dim`. The noise ends near zero signal (`beta_end`), so that
    a dark infrared picture can be learned later.
    """

    channels: tuple[int, ...] = (64, 96, 128)
    layers: int = 1
    heads: int = 2
    groups: int = 16
    beta_start: float = 0.00085
    beta_end: float = 0.02
    steps: int = 12_000
    batch: int = 32
    learning_rate: float = 1.2e-3
    warmup: int = 300
    decay: float = Field(0.3, description="final share of the steps over which the rate falls to zero")
    average: float = Field(0.999, description="decay of the weight average that is shipped")
    drop_caption: float = Field(0.1, description="share of pictures without a caption, for guidance")
    name_scene: float = Field(0.5, description='share of captions that begin "a street photo of" etc.')
    shorten: float = Field(0.2, description="share of captions that tell only some of what is worn")


class PretrainConfig(_Strict):
    """The whole recipe. The defaults are those of the shipped model."""

    seed: int = 2026
    bank: BankConfig = BankConfig()
    vae: VaeConfig = VaeConfig()
    text: TextConfig = TextConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
