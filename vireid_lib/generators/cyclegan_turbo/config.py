"""Every knob of CycleGAN-Turbo; the defaults are those of its authors' training code."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.base.config import TranslatorConfig
from vireid_lib.user_paths import Source


class CycleGanTurboConfig(TranslatorConfig):
    """The release's settings: SD-Turbo, LoRA of rank 128 in the U-Net and 4 in the autoencoders, 25,000 steps of one
    image of each modality, AdamW, gradients clipped at a norm of 10, λ of 1 (cycle), 1 (identity) and 0.5
    (adversarial), LPIPS weighted 10 in the cycle and 1 in the identity loss. (The paper's text was not at hand.)

    Ours: latents are the posterior's mean, not drawn from it; LoRA's scale is one everywhere (2
    in the release's autoencoders), and the U-Net's first convolution, which is trained whole, has none besides; 256×128
    pixels without random crops, where the release has 256×256 of 286×286."""

    base_model: Source = "stabilityai/sd-turbo"  # a Stable Diffusion; one step is what SD-Turbo was distilled for
    height: int = Field(256, gt=0)
    width: int = Field(128, gt=0)
    visible_prompt: str = "a color photo of a person"  # what the U-Net is told to make; ours
    infrared_prompt: str = "an infrared photo of a person"
    unet_rank: int = Field(128, ge=1)  # of LoRA, on every linear and convolution layer but those of time and text
    vae_rank: int = Field(4, ge=1)
    epochs: int = Field(1, ge=1)
    steps: int | None = Field(25_000, ge=1)
    batch: int = Field(1, ge=1)  # images of each modality
    # "each" as released: a step updates the generator for the cycle, then the adversarial, then the identity losses,
    # and the discriminators for made, then for real images. "sum" updates each once, for the sum of its losses.
    updates: Literal["each", "sum"] = "each"
    learning_rate: float = Field(1e-5, gt=0)
    judge_learning_rate: float = Field(1e-5, gt=0)
    judge_model: Source | None = "openai/clip-vit-base-patch32"  # the discriminators' frozen CLIP image encoder, or
    judge_width: int = Field(64, ge=1)  # None for CycleGAN's discriminator of patches, of so many channels
    gradient_clip: float | None = Field(10.0, gt=0)
    cycle_weight: float = Field(1.0, ge=0)  # λ of the pixels' losses
    identity_weight: float = Field(1.0, ge=0)
    gan_weight: float = Field(0.5, ge=0)
    cycle_lpips_weight: float = Field(10.0, ge=0)  # of LPIPS, where its weights are given
    identity_lpips_weight: float = Field(1.0, ge=0)
    # "weights" takes LPIPS' weights from the two settings below, and refuses to train without them; "none" leaves its
    # losses out, which is another method: of the cycle loss a tenth is left.
    lpips: Literal["weights", "none"] = "weights"
    lpips_features: Source | None = None  # VGG-16 as a safetensors file or a hub id (timm/vgg16.tv_in1k)
    lpips_heads: Source | None = None  # its five layers: v0.1/vgg.pth of LPIPS' authors' package, or safetensors

    @model_validator(mode="after")
    def _lpips(self) -> Self:
        if (self.lpips_features is None) != (self.lpips_heads is None):
            raise ValueError("lpips_features and lpips_heads belong together: give both, or set `lpips: none`")
        if self.lpips == "none" and self.lpips_features is not None:
            raise ValueError("lpips is 'none' and its weights are given: set it to 'weights', or name no weights")
        return self

    def require_lpips(self) -> None:
        """Raise ValueError where LPIPS' weights are to be used and none are named."""
        weighted = self.cycle_lpips_weight + self.identity_lpips_weight > 0
        if self.lpips == "weights" and self.lpips_features is None and weighted:
            raise ValueError(
                "cyclegan_turbo has no LPIPS weights, without which a tenth of its cycle loss is left: name them in "
                "lpips_features (timm/vgg16.tv_in1k, or a file) and lpips_heads (v0.1/vgg.pth of the lpips package), "
                "or set `lpips: none`, which marks its results as a variant."
            )

    def comparable_settings(self) -> dict[str, Any]:
        """As any generator's; which file LPIPS was read from makes no other method."""
        return self.model_dump(mode="json", exclude={"lpips_features", "lpips_heads"})
