"""The base model: any Stable Diffusion, from a folder or the hub, taken apart for training and sampling."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import try_to_load_from_cache
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

import vireid_lib


@dataclass
class Base:
    """The parts of a text-to-image latent diffusion model, all frozen.

    Attributes:
        schedule: the noise schedule with its prediction type ("epsilon" or "v_prediction").
    """

    tokenizer: CLIPTokenizer
    text: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    schedule: DDPMScheduler
    name: str

    @property
    def prediction(self) -> str:
        return self.schedule.config.prediction_type


LOGGING = (diffusers_logging, transformers_logging)
EMBEDDED = Path(vireid_lib.__file__).resolve().parent / "miniworld" / "base_model"
INDEX = "model_index.json"
_WHOLE = 64 * 2**20  # weight files up to this size are hashed whole, larger ones by their first bytes and size


def locate(name: str) -> Path:
    """The folder that `name` means: the embedded model for "mini", otherwise the path itself."""
    return EMBEDDED if name == "mini" else Path(name).expanduser()


def fingerprint(name: str) -> str | None:
    """A sha256 over the weight files of a local base model; None for one from the hub, whose id says it all."""
    folder = locate(name)
    if not folder.is_dir():
        return None
    summary = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        with open(file, "rb") as stream:
            summary.update(f"{file.relative_to(folder)} {file.stat().st_size} ".encode() + stream.read(_WHOLE))
    return summary.hexdigest()


def is_here(name: str) -> bool:
    """Whether `load_base` would find the model on this machine, without fetching it."""
    return (locate(name) / INDEX).exists() or isinstance(try_to_load_from_cache(name, INDEX), str)


@contextmanager
def _quiet() -> Iterator[None]:
    """No advice about safety checkers and old configurations, no bars for files that load in a second."""
    kept = [(logging, logging.get_verbosity(), logging.is_progress_bar_enabled()) for logging in LOGGING]
    for logging, _, _ in kept:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logging, verbosity, bars in kept:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()


def load_base(name: str) -> Base:
    """Load a Stable Diffusion 1.x from a folder in the layout of diffusers, or from the hub, in float32; "mini"
    is the model of the miniature world that comes with the library.

    Raises:
        FileNotFoundError: `name` looks like a path and nothing is there.
        ValueError: a prediction type that fine-tuning does not know.
    """
    path = locate(name)
    if name.startswith((".", "/", "~")) and not (path / INDEX).exists():
        raise FileNotFoundError(
            f"base_model {name!r} is no folder with a model_index.json: give a folder that diffusers saved, "
            "or a hub id such as stable-diffusion-v1-5/stable-diffusion-v1-5."
        )
    with _quiet():
        pipeline = StableDiffusionPipeline.from_pretrained(
            str(path) if path.exists() else name,
            safety_checker=None, requires_safety_checker=False,
        ).to(torch.float32)  # fmt: skip
    schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
    if schedule.config.prediction_type not in ("epsilon", "v_prediction"):
        raise ValueError(f"{name} predicts {schedule.config.prediction_type!r}; DiVE trains epsilon or v_prediction.")
    base = Base(pipeline.tokenizer, pipeline.text_encoder, pipeline.unet, pipeline.vae, schedule, name)
    for module in (base.text, base.unet, base.vae):
        module.eval().requires_grad_(False)
    return base
