"""Captioned pictures of people of no data set, which the miniature Stable Diffusion is pre-trained on."""

import json
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.data.contents import write_atomically, written_aside
from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
from vireid_lib.miniworld.captions import caption
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render
from vireid_lib.training.progress import Progress


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
