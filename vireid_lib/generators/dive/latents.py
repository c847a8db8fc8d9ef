"""VAE latents, encoded once: of every image and of its mirror image."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float16
from torch import nn

from vireid_lib.data.contents import content_digests, reserve, sweep, written_aside
from vireid_lib.data.images import load_images, to_float
from vireid_lib.training.progress import Progress

BATCH = 64


@dataclass(frozen=True)
class Latents:
    """Posterior means and deviations, not yet multiplied by the autoencoder's scaling factor.

    Attributes:
        mean, std: read-only memory maps [images, 2, channels, height, width]; index 1 of the second axis is
            the mirrored image.
        key: a digest of the inputs: the images' contents, the autoencoder's weights, the size.
    """

    mean: Float16[np.ndarray, "images 2 channels height width"]
    std: Float16[np.ndarray, "images 2 channels height width"]
    key: str


def encode(
    paths: Sequence[str], vae: AutoencoderKL, size: tuple[int, int], *, cache: Path, progress: bool = True
) -> Latents:
    """Latents of the images in the order of `paths`, resized to height and width `size`, from the folder `cache` (which
    has the decoded images too) where it has them: keyed by contents, so that a moved data set hits and a changed image
    or model misses. Written aside and renamed when complete."""
    key = json.dumps([content_digests(paths, cache), digest(vae), list(size)])
    key = hashlib.sha256(key.encode()).hexdigest()[:32]
    folder = Path(cache) / f"latents-{size[0]}x{size[1]}-{key}"
    if not folder.exists():
        sweep(Path(cache))
        with written_aside(folder) as own:
            own.mkdir()
            _encode_into(own, load_images(paths, size, cache=cache), vae, progress)
    return Latents(*(np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("mean", "std")), key=key)


def digest(module: nn.Module) -> str:
    """sha256 over a network's weights, by name."""
    summary = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        summary.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return summary.hexdigest()


@torch.no_grad()
def _encode_into(folder: Path, pixels: np.ndarray, vae: AutoencoderKL, progress: bool) -> None:
    halvings = len(vae.config.block_out_channels) - 1
    size, parts = (side >> halvings for side in pixels.shape[1:3]), {}
    shape = len(pixels), 2, vae.config.latent_channels, *size
    for name in ("mean", "std"):
        file = folder / f"{name}.npy"
        parts[name] = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
        reserve(file)
    with Progress(len(pixels), "latents", unit="images", shown=progress) as line:
        for start in range(0, len(pixels), BATCH):
            images = to_float(pixels[start : start + BATCH], vae.device).to(vae.dtype) * 2 - 1
            posterior = vae.encode(torch.stack([images, images.flip(3)], 1).flatten(0, 1)).latent_dist
            for name, part in parts.items():
                pair = getattr(posterior, name).unflatten(0, (-1, 2)).to(torch.float16)
                part[start : start + len(pair)] = pair.cpu().numpy()
            line.update(start + len(images))
    for part in parts.values():
        part.flush()  # to the disk
