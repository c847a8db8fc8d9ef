"""What a run of DiVE will cost, before it starts: images, steps, hours at the speed measured here, disk."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vireid_lib.disk import readable
from vireid_lib.generators.dive import stable_diffusion_15
from vireid_lib.generators.dive.base import is_here, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask
from vireid_lib.generators.dive.latents import Latents
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import build
from vireid_lib.generators.dive.sample import Request, latent_size, sample
from vireid_lib.training import devices, processes
from vireid_lib.training.checkpoint import KEPT
from vireid_lib.training.loop import accelerator_for

LARGE = 200_000_000  # parameters of a U-Net whose single step takes minutes on a CPU
ADAM = 3  # numbers kept for each trained one: itself and two moments
FLOAT, HALF = 4, 2  # bytes


@dataclass(frozen=True)
class Speed:
    """Measured seconds to `encode` an image and its mirror image, of a fine-tuning `step`, to sample an `image`; None
    where not measured. `where`: the device, or the reason."""

    encode: float | None
    step: float | None
    image: float | None
    where: str


@dataclass(frozen=True)
class Estimate:
    """See the module's first line. `trained`: parameters of LoRA and token rows; `disk`: bytes by what lies there."""

    config: DiveConfig
    images: int
    identities: int
    views: int
    branches: int
    trained: int
    synthetic: int
    disk: dict[str, int]
    speed: Speed

    def hours(self) -> dict[str, float]:
        """By kind of work; empty where nothing was measured."""
        parts = {
            "latents": (self.speed.encode, self.images),
            "fine-tuning": (self.speed.step, self.config.steps),
            "sampling": (self.speed.image, self.synthetic),
        }
        return {name: seconds * times / 3600 for name, (seconds, times) in parts.items() if seconds and times}

    def to_text(self, folder: Path) -> str:
        """A few lines; `folder` is where the disk's free space counts."""
        config, hours, needed = self.config, self.hours(), sum(self.disk.values())
        free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
        lines = [
            f"fine-tuning  {self.images:,} images of {self.identities:,} people in {self.views} views; "
            f"{config.steps:,} steps of {config.batch} at {config.height} x {config.width}; "
            f"{self.branches} LoRA branches, {self.trained / 1e6:,.1f} million parameters trained"
        ]
        if self.synthetic:
            lines.append(f"sampling     {self.synthetic:,} images of {config.sampling_steps} steps")
        spent = ", ".join(f"{name} {_duration(value)}" for name, value in hours.items())
        spent = f"{spent}, measured on " if spent else "unknown until measured: "
        lines.append(f"time         {spent}{self.speed.where}")
        parts = ", ".join(f"{name} {readable(size)}" for name, size in self.disk.items() if size)
        enough = "free" if free > needed else "free, which is NOT ENOUGH"
        lines.append(f"disk         {parts}: at most {readable(needed)}; {readable(free)} {enough}")
        return "\n".join(lines)


def estimate(
    table: pd.DataFrame,
    config: DiveConfig,
    synthetic: int = 0,
    *,
    device: str | None = None,
    model: DiveModel | None = None,
) -> Estimate:
    """The cost of fitting to `table` (rows that `config.fitted_rows` gave) and making `synthetic` images.

    Args:
        model: the mounted model, where there is one; else the base model is loaded, if it is on this machine.
    """
    if model is not None:
        speed = measure(model, table, device, pictures=synthetic > 0)
    elif is_here(config.base_model):
        model = DiveModel(load_base(config.base_model), build(table, config), config, seed=config.seed)
        speed = measure(model.to(devices.resolved(device)), table, device)
    elif config.base_model in stable_diffusion_15.HUB_IDS:
        model = DiveModel(stable_diffusion_15.build(), build(table, config), config, seed=config.seed)
        speed = Speed(None, None, None, f"{config.base_model} is not on this machine yet, the first run fetches it")
    else:
        raise FileNotFoundError(
            f"base_model {config.base_model!r} is neither a folder nor downloaded: nothing can be said about it yet."
        )
    trained, words = sum(parameter.numel() for group in model.trained() for parameter in group), model.vocabulary
    counts = (len(table), len(words.identities), len(words.views), len(words.branches), trained, synthetic)
    return Estimate(config, *counts, _disk(model, trained, len(table), synthetic), speed)


def measure(model: DiveModel, table: pd.DataFrame, device: str | None = None, *, pictures: bool = True) -> Speed:
    """Time a few steps, encodings and (if asked for) pictures of a mounted model, whose weights stay bit for bit."""
    place = model.base.unet.device
    size = sum(parameter.numel() for parameter in model.base.unet.parameters())
    if place.type == "cpu" and size > LARGE:
        return Speed(None, None, None, "a single step of so large a model takes minutes on a CPU")
    pixels = torch.zeros(8, 3, model.config.height, model.config.width, device=place)

    def encode() -> None:
        with torch.no_grad():
            model.base.vae.encode(pixels)

    first = table[table["modality"] == "infrared"].iloc[0]
    image = _seconds_an_image(model, first["identity"], first["camera"]) if pictures else None
    return Speed(_time(encode, place) * 2 / len(pixels), _seconds_a_step(model, table, device), image, _where(place))


def sampling_text(model: DiveModel, identity: str, camera: str, images: int) -> str:
    """What making `images` images will take, with the speed measured on one person under one camera."""
    config, place = model.config, model.base.unet.device
    hours, size = _seconds_an_image(model, identity, camera) * images / 3600, images * config.height * config.width * 3
    return (
        f"sampling     {images:,} images of {config.sampling_steps} steps: {_duration(hours)}, measured on "
        f"{_where(place)}; at most {readable(size)} on disk"
    )


def _where(place: torch.device) -> str:
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else place.type
    if place.type == "cpu":
        name = f"this machine's CPU, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
    return name if processes.count() == 1 else f"{processes.count()} x {name}"


def _seconds_an_image(model: DiveModel, identity: str, camera: str) -> float:
    """From the times of two and of four solver steps, which differ by the denoiser alone."""
    config, place, start = model.config, model.base.unet.device, None
    requests = [Request(identity, camera, seed) for seed in range(config.sampling_batch)]
    if config.start == "image":
        start = np.zeros((len(requests), config.height, config.width, 3), np.uint8)
    few, more = (_time(lambda n=n: sample(model, requests, images=start, steps=n), place, times=1) for n in (2, 4))
    whole = few + (config.sampling_steps - 2) * max(more - few, 0) / 2
    return whole / len(requests) / processes.count()


def _seconds_a_step(model: DiveModel, table: pd.DataFrame, device: str | None) -> float:
    """With a learning rate of zero, and latents of zeros."""
    size = latent_size(model, model.config.height, model.config.width)
    blank = np.broadcast_to(np.float16(0), (len(table), 2, model.base.vae.config.latent_channels, *size))
    accelerator = accelerator_for(model.config.precision, device)
    task = DiveTask(model, table, Latents(blank, blank, ""))
    task.bind(accelerator, seed=0)
    try:
        task.prepare(accelerator)
        return _time(lambda: task.step(accelerator, 0), accelerator.device)
    finally:
        task.release(accelerator)
        for parameter in task.trained():
            parameter.grad = None


def _time(work: Callable[[], object], device: torch.device, *, times: int = 3) -> float:
    """Seconds of `work`, after once for warming up: the mean of `times`, or of fewer that are slow."""
    seconds = []
    while len(seconds) <= times and sum(seconds[1:]) < 5:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return sum(seconds[1:]) / len(seconds[1:])


def _disk(model: DiveModel, trained: int, images: int, synthetic: int) -> dict[str, int]:
    config, vae = model.config, model.base.vae.config
    pixels, (height, width) = config.height * config.width, latent_size(model, config.height, config.width)
    return {
        "decoded images": images * pixels * 3,
        "latents": images * 2 * 2 * vae.latent_channels * height * width * HALF,  # mean and deviation, and mirrored
        "checkpoints": trained * ADAM * FLOAT * (KEPT + 1),  # one more while it is written
        "fitted": trained * FLOAT,
        "synthetic images": synthetic * pixels * 3,  # before PNG makes them smaller
    }


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"
