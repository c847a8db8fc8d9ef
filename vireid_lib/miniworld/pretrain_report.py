"""How good the base model is: PSNR of the autoencoder, and whether samples show what their captions say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.miniworld import palette
from vireid_lib.miniworld.pretrain_bank import Bank
from vireid_lib.miniworld.pretrain_vae import GREY, to_signed
from vireid_lib.training import seeds

_BAGS = ("backpack", "shoulder bag", "handbag")
_HATS = ("cap", "beanie", "hat")


def psnr(a: UInt8[np.ndarray, "n h w c"], b: UInt8[np.ndarray, "n h w c"]) -> float:
    """Peak signal-to-noise ratio in dB, from the mean squared error over all pictures."""
    error = np.square(a.astype(np.float32) - b.astype(np.float32)).mean()
    return float(10 * np.log10(255**2 / error))


def to_bytes(images: Float[Tensor, "n 3 height width"]) -> UInt8[np.ndarray, "n height width 3"]:
    """-1..1, channels first, to 0..255, channels last."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


@torch.no_grad()
def reconstruct(
    vae: AutoencoderKL, pixels: UInt8[np.ndarray, "n height width 3"]
) -> UInt8[np.ndarray, "n height width 3"]:
    """Through the autoencoder and back, without sampling noise."""
    parts = []
    for start in range(0, len(pixels), 256):
        images = to_signed(torch.from_numpy(np.array(pixels[start : start + 256]))).to(vae.device, vae.dtype)
        parts.append(to_bytes(vae.decode(vae.encode(images).latent_dist.mean).sample.float()))
    return np.concatenate(parts)


def grey(pixels: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "n h w 3"]:
    """The pictures in shades of grey, still with three channels."""
    shades = (pixels.astype(np.float32) @ np.array(GREY, np.float32)).round().astype(np.uint8)
    return np.repeat(shades[..., None], 3, -1)


@torch.no_grad()
def sample(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    *,
    seed: int,
    guidance: float = 3.0,
    steps: int = 25,
    batch: int = 64,
) -> UInt8[np.ndarray, "n height width 3"]:
    """One picture a prompt by DPM-Solver++ with classifier-free guidance."""
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    rows, columns = pipeline.unet.config.sample_size
    factor = pipeline.vae_scale_factor
    parts = []
    for start in range(0, len(prompts), batch):
        chosen = list(prompts[start : start + batch])
        draws = [seeds.generator(seed, "sample", start + index) for index in range(len(chosen))]
        images = pipeline(
            chosen,
            height=rows * factor,
            width=columns * factor,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=draws,
            output_type="np",
        ).images
        parts.append((images * 255).round().astype(np.uint8))
    return np.concatenate(parts)


def attributes(caption: str) -> dict[str, str]:
    """The caption's statements by name: hair style, hat, bag, and kind, colour and pattern of the garments."""
    head, worn = caption.split(" wearing ")
    items = worn.split(", ")
    found = {
        "hair": "bald" if head.startswith("bald") else head.split("with ")[1].split(" ")[0],
        "hat": "none",
        "bag": "none",
    }
    found["upper colour"], found["upper pattern"], found["upper kind"] = _garment(items[0])
    dressed = found["upper kind"] == "dress"
    lower = items[0] if dressed else items[1]
    found["lower colour"], _, found["lower kind"] = _garment(lower)
    for item in items[1:]:
        for name, kinds in (("bag", _BAGS), ("hat", _HATS)):
            if item.endswith(kinds):
                found[name] = next(kind for kind in kinds if item.endswith(kind))
    return found


def _garment(text: str) -> tuple[str, str, str]:
    words = text.split(" ")
    pattern = " ".join(word for word in words[1:-1] if word != "and" and word not in palette.COLOURS)
    return words[0], pattern or "plain", words[-1]


class CaptionReader(nn.Module):
    """A small convolutional network that reads `attributes` off a picture: the judge of caption consistency."""

    def __init__(self, classes: dict[str, list[str]]) -> None:
        super().__init__()
        self.classes = classes
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 24), (24, 48), (48, 96), (96, 96)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(96 * 8, 192), nn.ReLU())
        self.heads = nn.ModuleDict(
            {name.replace(" ", "_"): nn.Linear(192, len(known)) for name, known in classes.items()}
        )

    def forward(self, images: Float[Tensor, "n 3 64 32"]) -> dict[str, Tensor]:
        """Logits by attribute."""
        features = self.body(images)
        return {name: self.heads[name.replace(" ", "_")](features) for name in self.classes}


def train_reader(bank: Bank, pixels: UInt8[np.ndarray, "n 64 32 3"], *, seed: int, epochs: int = 3) -> CaptionReader:
    """Fit a `CaptionReader` to the bank's first `len(pixels)` captions (give it reconstructions, so that the
    autoencoder's blur is not held against the samples)."""
    facts = [attributes(caption) for caption in bank.captions[: len(pixels)]]
    classes = {name: sorted({fact[name] for fact in facts}) for name in facts[0]}
    targets = {name: torch.tensor([known.index(fact[name]) for fact in facts]) for name, known in classes.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "reader"))
        reader = CaptionReader(classes)
    steps = epochs * (len(pixels) // 64)
    optimizer = torch.optim.AdamW(reader.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(steps, 2))
    for step in range(steps):
        draw = seeds.generator(seed, "reader", step)
        rows = torch.randint(len(pixels), (64,), generator=draw)
        images = to_signed(torch.from_numpy(pixels[rows.numpy()]))
        images = torch.where(torch.rand(64, 1, 1, 1, generator=draw) < 0.5, images.flip(3), images)
        logits = reader(images)
        loss = sum(functional.cross_entropy(logits[name], targets[name][rows]) for name in classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return reader.eval()


@torch.no_grad()
def consistency(
    reader: CaptionReader, pixels: UInt8[np.ndarray, "n 64 32 3"], captions: Sequence[str]
) -> dict[str, float]:
    """Share of pictures in which the reader sees what the caption says, by attribute, and their mean."""
    seen = {name: [] for name in reader.classes}
    for start in range(0, len(pixels), 256):
        logits = reader(to_signed(torch.from_numpy(np.array(pixels[start : start + 256]))))
        for name, values in logits.items():
            seen[name] += [reader.classes[name][index] for index in values.argmax(1).tolist()]
    facts = [attributes(caption) for caption in captions]
    scores = {
        name: float(np.mean([a == fact[name] for a, fact in zip(seen[name], facts, strict=True)])) for name in seen
    }
    return {"mean": float(np.mean(list(scores.values()))), **scores}


def sheet(rows: Sequence[UInt8[np.ndarray, "n height width 3"]], zoom: int = 3) -> UInt8[np.ndarray, "H W 3"]:
    """Rows of pictures as one enlarged picture."""
    picture = np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
    return picture.repeat(zoom, 0).repeat(zoom, 1)
