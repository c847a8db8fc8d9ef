"""What is trained for the miniature Stable Diffusion, a task each: the autoencoder, the denoiser, the captioner."""

import math
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, UNet2DConditionModel
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from vireid_lib.data.augment import luminance
from vireid_lib.data.grey import LUMINANCE
from vireid_lib.miniworld import pretrain_networks as nets
from vireid_lib.miniworld.bank import Bank, to_signed
from vireid_lib.miniworld.captioner import Captioner, captioning_loss, labels
from vireid_lib.training import seeds
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.task import Task

Latents = Float[Tensor, "n c h w"]


class Pretraining(Task):
    """Shares of all trainings: one network, its learning rate `rate(step)`, and the weight average that is kept."""

    gradient_clip = 1.0

    def __init__(self, network: nn.Module, groups: Any, *, betas: tuple[float, float], decay: float, average: float):
        super().__init__()
        self.modules = {"network": network}
        self.optimizers = {"network": torch.optim.AdamW(groups, 0.0, betas=betas, weight_decay=decay, fused=True)}
        self.extras = {"average": WeightAverage(network, average)}

    def before_step(self, step: int) -> None:
        for group in self.optimizers["network"].param_groups:
            group["lr"] = self.rate(step)

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.modules["network"])


class RoundTrip(nn.Module):
    """Encode, sample, decode in one forward, so that it runs in the loop's precision."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.vae.encode(images).latent_dist
        latents = posterior.mean + posterior.std * noise
        divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar)
        return self.vae.decode(latents).sample, divergence


class VaeTask(Pretraining):
    """Reconstruct visible pictures, some flipped, tinted or grey: L1 + squared error + a small KL term."""

    def __init__(self, vae: AutoencoderKL, bank: Bank, config: nets.VaeConfig) -> None:
        super().__init__(RoundTrip(vae), vae.parameters(), betas=(0.9, 0.98), decay=1e-4, average=0.998)
        self.name, self.settings, self.bank, self.config = "autoencoder", config, bank, config.model_dump(mode="json")

    def rate(self, step: int) -> float:
        share = min(1, step / 200) * (0.5 + 0.5 * math.cos(math.pi * step / self.settings.steps))
        return self.settings.learning_rate * share + 1e-6

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, settings = self.generator(step, "batch"), self.settings
        rows = torch.randint(len(self.bank.captions), (settings.batch,), generator=draw)
        images = augment(to_signed(self.bank.pixels[rows.numpy()]), settings.grey, draw).to(self.device)
        factor = 2 ** (len(settings.channels) - 1)
        shape = (len(images), settings.latent_channels, images.shape[2] // factor, images.shape[3] // factor)
        noise = torch.randn(shape, generator=draw).to(self.device)
        restored, divergence = self.modules["network"](images, noise)
        error = restored - images
        squared, absolute, kl = error.square().mean(), error.abs().mean(), divergence.mean()
        total = squared + settings.l1 * absolute + settings.kl * kl
        return {"total": total, "squared": squared, "absolute": absolute, "kl": kl}


def augment(images: Float[Tensor, "n 3 h w"], grey: float, draw: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """Flip half, change brightness and colour of half, and make a share `grey` grey (-1..1 in and out)."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(len(images), *shape, generator=draw)

    images = torch.where(uniform(1, 1, 1) < 0.5, images.flip(3), images)
    gain = 1 + (uniform(3, 1, 1) - 0.5) * 0.4
    jittered = ((images + 1) * gain - 1 + (uniform(1, 1, 1) - 0.5) * 0.3).clamp(-1, 1)
    images = torch.where(uniform(1, 1, 1) < 0.5, jittered, images)
    return torch.where(uniform(1, 1, 1) < grey, luminance(images), images)


def monochrome(images: Float[Tensor, "n 3 h w"], draw: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """Photographs in monochrome (−1..1 in and out), each by another film and camera: the weights of the colours, the
    exposure, the tone curve, the contrast and the grain are drawn."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=draw)

    shares = torch.exp(0.5 * torch.randn(len(images), 3, 1, 1, generator=draw))
    shares = shares * torch.tensor(LUMINANCE).view(1, 3, 1, 1)
    grey = ((images / 2 + 0.5) * shares).sum(1, keepdim=True) / shares.sum(1, keepdim=True)
    grey = (grey * uniform(0.6, 1.4)).clamp(0, 1) ** uniform(0.6, 1.6)
    grey = 0.5 + uniform(0.7, 1.2) * (grey - 0.5)
    grey = grey + uniform(0.0, 0.04) * torch.randn(grey.shape, generator=draw)
    return (grey.clamp(0, 1) * 2 - 1).expand(-1, 3, -1, -1)


def write_prompt(
    caption: str, scene: str, config: nets.DenoiserConfig, rng: np.random.Generator, *, monochrome: bool = False
) -> str:
    """The training prompt of a caption: with or without the scene, sometimes shortened, sometimes empty. That a picture
    is monochrome is said before the scene."""
    if rng.uniform() < config.drop_caption:
        return ""
    if rng.uniform() < config.shorten:
        head, worn = caption.split(" wearing ")
        kept = [item for item in worn.split(", ") if rng.uniform() < 0.6]
        rng.shuffle(kept)
        head = head if rng.uniform() < 0.6 else "person"
        caption = f"{head} wearing {', '.join(kept)}" if kept else head
    kinds = [nets.MONOCHROME] * monochrome + [scene] * (rng.uniform() < config.name_scene)
    return " ".join(["a", *kinds, "photo of", caption])


class Denoiser(nn.Module):
    """Token ids and noised latents to the prediction, in one forward."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(self, ids: Int[Tensor, "n length"], noised: Latents, times: Int[Tensor, " n"]) -> Latents:
        return self.unet(noised, times, self.text(ids).last_hidden_state).sample


class DenoiserTask(Pretraining):
    """Predict v of scaled, noised latents from the prompt; text encoder and U-Net learn together.

    Args:
        vae: encodes the share of pictures that is made monochrome anew at each step.
    """

    def __init__(
        self,
        network: Denoiser,
        tokenizer: CLIPTokenizer,
        latents: np.ndarray,
        vae: AutoencoderKL,
        bank: Bank,
        config: nets.PretrainConfig,
    ) -> None:
        decayed, others = ([p for p in network.parameters() if (p.ndim > 1) == kind] for kind in (True, False))
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        super().__init__(network, groups, betas=(0.9, 0.99), decay=1e-2, average=config.denoiser.average)
        self.name, self.settings, self.scale = "denoiser", config.denoiser, vae.config.scaling_factor
        self.config = config.model_dump(mode="json", exclude={"captioner"}) | {"scale": self.scale}
        self.latents, self.bank, self.tokenizer, self.vae = latents, bank, tokenizer, vae
        self.scheduler = nets.build_scheduler(config.denoiser)

    def rate(self, step: int) -> float:
        s = self.settings
        return s.learning_rate * min(1.0, (step + 1) / s.warmup, max(1e-2, (s.steps - step) / (s.decay * s.steps)))

    def prepare(self, accelerator: Accelerator) -> None:
        self.vae.to(accelerator.device)
        super().prepare(accelerator)

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, count = self.generator(step, "batch"), self.settings.batch
        rows = torch.randint(len(self.bank.captions), (count,), generator=draw).numpy()
        flips = torch.randint(2, (count,), generator=draw).numpy()
        clean = torch.from_numpy(self.latents[rows, flips].astype(np.float32)) * self.scale
        grey = self._make_monochrome(clean, rows, flips, step)
        rng = np.random.default_rng(seeds.integer(self.seed, self.process, step, "prompts"))
        told = [(self.bank.captions[row], self.bank.scenes[row], self.settings, rng) for row in rows]
        prompts = [write_prompt(*each, monochrome=turned) for each, turned in zip(told, grey, strict=True)]
        ids = self.tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
        noise = torch.randn(clean.shape, generator=draw)
        times = torch.randint(self.scheduler.config.num_train_timesteps, (count,), generator=draw)
        noised = self.scheduler.add_noise(clean, noise, times)
        target = self.scheduler.get_velocity(clean, noise, times)
        predicted = self.modules["network"](*(value.to(self.device) for value in (ids, noised, times)))
        return {"total": functional.mse_loss(predicted, target.to(self.device))}

    @torch.no_grad()
    def _make_monochrome(self, clean: Latents, rows: np.ndarray, flips: np.ndarray, step: int) -> list[bool]:
        """Put the latents of monochrome pictures in the place of a share of `clean`; returns of which."""
        if not self.settings.monochrome:
            return [False] * len(rows)
        draw = self.generator(step, "monochrome")  # of its own, so that all else is drawn as without
        chosen = torch.rand(len(rows), generator=draw) < self.settings.monochrome
        if chosen.any():
            images = to_signed(self.bank.pixels[rows[chosen.numpy()]])
            flipped = torch.from_numpy(flips)[chosen].bool().view(-1, 1, 1, 1)
            images = monochrome(torch.where(flipped, images.flip(3), images), draw)
            latents = self.vae.encode(images.to(self.device)).latent_dist.mean
            clean[chosen] = latents.cpu() * self.scale
        return chosen.tolist()


class CaptionerTask(Pretraining):
    """Name the words of each picture's caption; half of the pictures are mirrored."""

    def __init__(self, network: Captioner, bank: Bank, config: nets.PretrainConfig) -> None:
        settings = config.captioner
        super().__init__(network, network.parameters(), betas=(0.9, 0.98), decay=1e-2, average=settings.average)
        self.name, self.settings, self.bank = "captioner", settings, bank
        self.labels = labels(bank.captions[: settings.images])
        self.config = config.model_dump(mode="json", include={"seed", "bank", "captioner"})

    def rate(self, step: int) -> float:
        share = min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / self.settings.steps))
        return self.settings.learning_rate * share

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, count = self.generator(step, "batch"), self.settings.batch
        rows = torch.randint(len(self.labels), (count,), generator=draw)
        images = to_signed(self.bank.pixels[rows.numpy()])
        images = torch.where(torch.rand(count, 1, 1, 1, generator=draw) < 0.5, images, images.flip(3))
        logits = self.modules["network"](images.to(self.device))
        return {"total": captioning_loss(logits, self.labels[rows].to(self.device))}
