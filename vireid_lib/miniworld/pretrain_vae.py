"""Training of the miniature `AutoencoderKL`."""

from __future__ import annotations

import math

import torch
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.miniworld.pretrain_bank import Bank
from vireid_lib.miniworld.pretrain_config import VaeConfig
from vireid_lib.training import seeds
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.task import Task

GREY = (0.299, 0.587, 0.114)


def build_vae(config: VaeConfig, *, height: int, seed: int) -> AutoencoderKL:
    """A small autoencoder whose residual branches start at zero, so that a high learning rate is safe."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "vae"))
        vae = AutoencoderKL(
            in_channels=3,
            out_channels=3,
            sample_size=height,
            latent_channels=config.latent_channels,
            down_block_types=("DownEncoderBlock2D",) * len(config.channels),
            up_block_types=("UpDecoderBlock2D",) * len(config.channels),
            block_out_channels=config.channels,
            layers_per_block=config.layers,
            norm_num_groups=config.groups,
            mid_block_add_attention=False,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )
    for name, parameter in vae.named_parameters():
        if ".conv2." in name:
            torch.nn.init.zeros_(parameter)
    return vae


def to_signed(pixels: UInt8[Tensor, "n height width 3"]) -> Float[Tensor, "n 3 height width"]:
    """Pixels 0..255 to -1..1, channels first."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


class VaeTask(Task):
    """Reconstruct visible pictures, some flipped, tinted or grey: L1 + squared error + a small KL term."""

    gradient_clip = 1.0

    def __init__(self, vae: AutoencoderKL, bank: Bank, config: VaeConfig) -> None:
        super().__init__()
        self.name, self.settings, self.bank = "autoencoder", config, bank
        self.config = config.model_dump(mode="json")
        self.modules = {"vae": _RoundTrip(vae)}
        self.optimizers = {
            "vae": torch.optim.AdamW(vae.parameters(), 0.0, betas=(0.9, 0.98), weight_decay=1e-4, fused=True)
        }
        self.extras = {"average": WeightAverage(self.modules["vae"], 0.998)}

    def before_step(self, step: int) -> None:
        steps, warmup = self.settings.steps, 200
        share = min(1, step / warmup) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in self.optimizers["vae"].param_groups:
            group["lr"] = self.settings.learning_rate * share + 1e-6

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.modules["vae"])

    def losses(self, step: int) -> dict[str, Tensor]:
        draw = self.generator(step, "batch")
        rows = torch.randint(len(self.bank), (self.settings.batch,), generator=draw)
        images = to_signed(torch.from_numpy(self.bank.pixels[rows.numpy()]))
        images = augment(images, self.settings.grey, draw).to(self.device)
        noise = torch.randn(self._latent_shape(images), generator=draw).to(self.device)
        restored, divergence = self.modules["vae"](images, noise)
        error = restored - images
        squared, absolute = error.square().mean(), error.abs().mean()
        kl = divergence.mean()
        total = squared + self.settings.l1 * absolute + self.settings.kl * kl
        return {"total": total, "squared": squared, "absolute": absolute, "kl": kl}

    def describe(self, step: int) -> str:
        return "random pictures of the bank"

    def _latent_shape(self, images: Tensor) -> tuple[int, ...]:
        factor = 2 ** (len(self.settings.channels) - 1)
        return (len(images), self.settings.latent_channels, images.shape[2] // factor, images.shape[3] // factor)


class _RoundTrip(torch.nn.Module):
    """Encode, sample, decode in one forward, so that it runs in the loop's precision."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.vae.encode(images).latent_dist
        latents = posterior.mean + posterior.std * noise
        divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar)
        return self.vae.decode(latents).sample, divergence


def augment(
    images: Float[Tensor, "n 3 height width"], grey: float, draw: torch.Generator
) -> Float[Tensor, "n 3 height width"]:
    """Flip half, change brightness and colour of half, and make a share `grey` grey (-1..1 in and out)."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw)

    count = len(images)
    images = torch.where(uniform(count, 1, 1, 1) < 0.5, images.flip(3), images)
    gain = 1 + (uniform(count, 3, 1, 1) - 0.5) * 0.4
    jittered = ((images + 1) * gain - 1 + (uniform(count, 1, 1, 1) - 0.5) * 0.3).clamp(-1, 1)
    images = torch.where(uniform(count, 1, 1, 1) < 0.5, jittered, images)
    shades = (images * torch.tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True).expand_as(images)
    return torch.where(uniform(count, 1, 1, 1) < grey, shades, images)
