"""Pre-train the miniature Stable Diffusion that plays the part of Stable Diffusion 1.5 in the embedded book.

`pretrain` draws a bank of captioned pictures, trains the autoencoder, encodes the bank, trains text encoder and U-Net
together, and writes a folder that diffusers loads; its recipe is `pretrain_networks.PretrainConfig`. Every step is
resumable. The model sees visible pictures of people of its own seed stream by random cameras: no infrared picture, and
no identity of the miniature data sets.
"""

from __future__ import annotations

import json
import math
import platform
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from vireid_lib.data.augment import luminance
from vireid_lib.data.contents import write_atomically, written_aside
from vireid_lib.data.grey import grey
from vireid_lib.miniworld import pretrain_networks as nets
from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
from vireid_lib.miniworld.captions import caption
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render
from vireid_lib.training import devices, seeds
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.loop import train
from vireid_lib.training.progress import Progress
from vireid_lib.training.task import Task


class Bank(NamedTuple):
    """One picture of each person of a stream: pixels (memory-mapped), captions, kinds of place (e.g. "street")."""

    pixels: UInt8[np.ndarray, "images height width 3"]
    captions: list[str]
    scenes: list[str]


def build_bank(folder: Path, count: int, *, seed: int, purpose: str = "pretraining", height=64, width=32) -> Bank:
    """Draw `count` people of the stream `purpose`, each before a random visible camera, or open what `folder` holds."""
    file, words = folder / "pixels.npy", folder / "captions.json"
    if not words.exists():  # written last
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, len(purpose), 7])
        people = list(islice(people_stream(seed, purpose), count))
        views = [sample_view(rng, random_visible_camera(rng)) for _ in people]
        pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, height, width, 3))
        with Progress(count, f"pictures of the {purpose} stream", unit="pictures") as line:
            for start in range(0, count, 512):
                part = slice(start, start + 512)
                # Drawn at twice the size, as the data sets are on disk, and reduced as they are when they are read.
                drawn = render(people[part], views[part], height=2 * height, width=2 * width, modality="visible")
                pixels[part] = (drawn.reshape(-1, height, 2, width, 2, 3).mean((2, 4)) + 0.5).astype(np.uint8)
                line.update(start + len(drawn))
        pixels.flush()
        told = {"captions": [caption(person) for person in people], "scenes": [view.camera.style for view in views]}
        write_atomically(words, json.dumps(told).encode())
    return Bank(np.load(file, mmap_mode="r"), **json.loads(words.read_text()))


def to_signed(pixels: UInt8[np.ndarray, "n height width 3"]) -> Float[Tensor, "n 3 height width"]:
    """Pixels 0..255 to -1..1, channels first."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


class _Pretraining(Task):
    """Shares of both trainings: one network, its learning rate `rate(step)`, and the weight average that is kept."""

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


class VaeTask(_Pretraining):
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


@torch.no_grad()
def encode_bank(vae: AutoencoderKL, bank: Bank, file: Path, *, batch: int = 16) -> np.ndarray:
    """Latents of each picture and of its mirror image, float16 [images, 2, channels, height, width], kept in `file`.
    Not scaled."""
    count, parts = len(bank.captions), []
    if not file.exists():
        with Progress(count, "latents of the bank", unit="pictures") as line:
            for start in range(0, count, batch):
                images = to_signed(bank.pixels[start : start + batch]).to(vae.device)
                both = torch.stack([images, images.flip(3)], 1).flatten(0, 1)
                latents = vae.encode(both).latent_dist.mean
                parts.append(latents.unflatten(0, (-1, 2)).cpu().numpy().astype(np.float16))
                line.update(min(start + batch, count))
        with written_aside(file) as own, open(own, "wb") as stream:
            np.save(stream, np.concatenate(parts))
    return np.load(file, mmap_mode="r")


def write_prompt(caption: str, scene: str, config: nets.DenoiserConfig, rng: np.random.Generator) -> str:
    """The training prompt of a caption: with or without the scene, sometimes shortened, sometimes empty."""
    if rng.uniform() < config.drop_caption:
        return ""
    if rng.uniform() < config.shorten:
        head, worn = caption.split(" wearing ")
        kept = [item for item in worn.split(", ") if rng.uniform() < 0.6]
        rng.shuffle(kept)
        head = head if rng.uniform() < 0.6 else "person"
        caption = f"{head} wearing {', '.join(kept)}" if kept else head
    return f"a {scene} photo of {caption}" if rng.uniform() < config.name_scene else f"a photo of {caption}"


class Denoiser(nn.Module):
    """Token ids and noised latents to the prediction, in one forward."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(
        self, ids: Int[Tensor, "n length"], noised: Float[Tensor, "n c h w"], times: Int[Tensor, " n"]
    ) -> Float[Tensor, "n c h w"]:
        return self.unet(noised, times, self.text(ids).last_hidden_state).sample


class DenoiserTask(_Pretraining):
    """Predict v of scaled, noised latents from the prompt; text encoder and U-Net learn together."""

    def __init__(
        self,
        network: Denoiser,
        tokenizer: CLIPTokenizer,
        latents: np.ndarray,
        scale: float,
        bank: Bank,
        config: nets.PretrainConfig,
    ) -> None:
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        super().__init__(network, groups, betas=(0.9, 0.99), decay=1e-2, average=config.denoiser.average)
        self.name, self.settings = "denoiser", config.denoiser
        self.config = {**config.model_dump(mode="json"), "scale": scale}
        self.latents, self.scale, self.bank, self.tokenizer = latents, scale, bank, tokenizer
        self.scheduler = nets.build_scheduler(config.denoiser)

    def rate(self, step: int) -> float:
        s = self.settings
        return s.learning_rate * min(1.0, (step + 1) / s.warmup, max(1e-2, (s.steps - step) / (s.decay * s.steps)))

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, count = self.generator(step, "batch"), self.settings.batch
        rows = torch.randint(len(self.bank.captions), (count,), generator=draw).numpy()
        flips = torch.randint(2, (count,), generator=draw).numpy()
        clean = torch.from_numpy(self.latents[rows, flips].astype(np.float32)) * self.scale
        rng = np.random.default_rng(seeds.integer(self.seed, self.process, step, "prompts"))
        prompts = [write_prompt(self.bank.captions[row], self.bank.scenes[row], self.settings, rng) for row in rows]
        ids = self.tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
        noise = torch.randn(clean.shape, generator=draw)
        times = torch.randint(self.scheduler.config.num_train_timesteps, (count,), generator=draw)
        noised = self.scheduler.add_noise(clean, noise, times)
        target = self.scheduler.get_velocity(clean, noise, times)
        predicted = self.modules["network"](*(value.to(self.device) for value in (ids, noised, times)))
        return {"total": functional.mse_loss(predicted, target.to(self.device))}


@torch.no_grad()
def psnr(vae: AutoencoderKL, pixels: UInt8[np.ndarray, "n height width 3"]) -> float:
    """Peak signal-to-noise ratio in dB of what the autoencoder restores, from the mean squared error over all."""
    squared = []
    for start in range(0, len(pixels), 256):
        images = to_signed(pixels[start : start + 256]).to(vae.device)
        restored = vae.decode(vae.encode(images).latent_dist.mean).sample.clamp(-1, 1)
        squared.append((((restored - images) * 127.5).round()).square().mean((1, 2, 3)))
    return round(float(10 * torch.log10(255**2 / torch.cat(squared).mean())), 2)


def pretrain(
    folder: Path,
    *,
    config: nets.PretrainConfig | None = None,
    device: str | None = None,
    precision: Literal["no", "bf16"] = "no",
    checkpoint_every: int = 500,
    progress: bool = True,
) -> dict[str, Any]:
    """Draw the bank, train autoencoder and denoiser, write `folder/model` and its recipe.

    Args:
        folder: holds everything; a run that was stopped continues here.
        device: "cpu", or None for the best one there is.

    Returns:
        The recipe: settings, PSNR of held-out people in dB, wall time, hardware (also `model/recipe.json`).
    """
    config = config or nets.PretrainConfig()
    device = device and str(devices.resolved(device))  # one that is not here is refused before the bank is drawn
    drawn = dict(seed=config.seed, height=config.bank.height, width=config.bank.width)
    bank = build_bank(folder / "bank", config.bank.images, **drawn)
    held_out = build_bank(folder / "held_out", config.bank.held_out, purpose="pretraining/held-out", **drawn).pixels
    options = dict(seed=config.seed, checkpoint_every=checkpoint_every, precision=precision, device=device)
    options |= dict(progress=progress, log_every=100)

    task = VaeTask(nets.build_vae(config.vae, height=config.bank.height, seed=config.seed), bank, config.vae)
    vae_history = train(task, steps=config.vae.steps, folder=folder / "vae", **options)
    vae = task.extras["average"].module.vae
    latents = encode_bank(vae, bank, folder / "latents.npy")
    scale = float(1 / np.sqrt(np.square(latents[:4096].astype(np.float32)).mean()))  # to a root mean square of one
    vae.register_to_config(scaling_factor=scale)

    tokenizer, text = nets.build_text(config.text, seed=config.seed)
    width, shape = config.text.width, latents.shape[2:]
    unet = nets.build_denoiser(config.denoiser, text_width=width, latent_shape=shape, seed=config.seed)
    task = DenoiserTask(Denoiser(text, unet), tokenizer, latents, scale, bank, config)
    history = train(task, steps=config.denoiser.steps, folder=folder / "denoiser", **options)
    denoiser = task.extras["average"].module

    recipe = {
        "config": config.model_dump(mode="json"),
        "steps": {"vae": config.vae.steps, "denoiser": config.denoiser.steps},
        "seconds": {"vae": round(vae_history.seconds), "denoiser": round(history.seconds)},
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "quality": {"psnr": psnr(vae, held_out), "psnr_grey": psnr(vae, grey(held_out))},
    }
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text,
        tokenizer=nets.build_text(config.text, seed=config.seed)[0],  # the other one keeps its padding
        unet=denoiser.unet,
        scheduler=nets.build_scheduler(config.denoiser),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to("cpu", torch.float16).save_pretrained(folder / "model", safe_serialization=True)
    (folder / "model" / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
    return recipe
