"""The base model: any Stable Diffusion, from a folder or the hub, taken apart for training and sampling; and how its
frozen parts are held in half precision."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import hf_hub_download
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

import vireid_lib
from vireid_lib.generators.dive.noise_schedule import noise_schedule
from vireid_lib.training import hub, weights


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


def locate(name: str) -> Path:
    """The folder of base model `name`: the embedded model for "mini", otherwise the path itself."""
    return EMBEDDED if name == "mini" else Path(name).expanduser()


def fingerprint(name: str) -> str | None:
    """Digest of the model's files in a folder, or the hub's revision; see `training.weights.digest`."""
    return weights.digest(str(locate(name)) if locate(name).is_dir() else name, INDEX)


def is_here(name: str) -> bool:
    """Whether `load_base` would find the model on this machine, without fetching it."""
    return (locate(name) / INDEX).exists() or hub.held(name, INDEX) is not None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice on safety checkers and old configurations, and progress bars of files that load in a second."""
    kept = [(logging, logging.get_verbosity(), logging.is_progress_bar_enabled()) for logging in LOGGING]
    for logging in LOGGING:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logging, verbosity, bars in kept:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()


def load_base(name: str) -> Base:
    """Load a Stable Diffusion 1.x from a folder in the layout of diffusers, or from the hub, in float32; see `locate`.

    Raises:
        FileNotFoundError: the folder does not exist, or the hub does not give the model; says why.
        ValueError: a file of the model cannot be read or holds values that are not finite; names it. Or the model has
            a noise schedule or a prediction type that fine-tuning does not know.
    """
    path = locate(name)
    if (path.exists() or name.startswith((".", "/", "~"))) and not (path / INDEX).exists():
        raise FileNotFoundError(
            f"base_model {name!r} is no folder with a model_index.json: give a folder that diffusers saved, "
            "or a hub id such as stable-diffusion-v1-5/stable-diffusion-v1-5."
        )
    local = path.exists()
    if local and (lost := [part for part in weights.PIPELINE if not (path / part).exists()]):
        # transformers would make a tokenizer without words of it
        raise FileNotFoundError(f"base_model {name!r} lacks {', '.join(lost)} in {path}: copy the whole folder.")
    # Take the local revision as it is, so that the cache's key and the weights are of one model.
    found = {} if local else {"revision": hub.revision(name, INDEX)}
    try:
        with _quiet():
            parts, lacking = _parts(str(path) if local else name, found)
    except Exception as error:  # a broken file makes diffusers and transformers raise errors of many classes
        place = path if local else None
        raise weights.explained("base_model", name, error, folder=place, index=INDEX, parts=weights.PIPELINE) from None
    if parts["tokenizer"].vocab_size <= len(parts["tokenizer"].all_special_ids):
        raise weights.WeightsError(f"base_model {name!r}: its tokenizer knows no word: copy or fetch that part again.")
    for part, names in lacking.items():
        if names:
            raise weights.WeightsError(
                f"base_model {name!r}: the weights of {part} lack {len(names)} tensors, the first {names[0]}: copy or "
                "fetch that part again."
            )
    schedule = noise_schedule(parts["scheduler"], f"base_model {name}")
    if schedule.config.prediction_type not in ("epsilon", "v_prediction"):
        raise ValueError(f"{name} predicts {schedule.config.prediction_type!r}; DiVE trains epsilon or v_prediction.")
    base = Base(parts["tokenizer"], parts["text_encoder"], parts["unet"], parts["vae"], schedule, name)
    if base.unet.config.cross_attention_dim != base.text.config.hidden_size:
        raise ValueError(
            f"base_model {name!r} is no Stable Diffusion 1.x or 2.x: its U-Net attends to states of width "
            f"{base.unet.config.cross_attention_dim}, and its text encoder gives {base.text.config.hidden_size}."
        )
    for part, module in (("text_encoder", base.text), ("unet", base.unet), ("vae", base.vae)):
        module.float().eval().requires_grad_(False)
        weights.refuse_non_finite(module.state_dict(), f"base_model {name}, {part}")
    return base


def _parts(source: str, found: dict[str, str | None]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """({part: what was loaded}, {part: weights that no file gave}); of the scheduler, its settings alone."""
    if found:  # from then on, marks the model as local
        hf_hub_download(source, INDEX, **found)
    text, read = CLIPTextModel.from_pretrained(source, subfolder="text_encoder", output_loading_info=True, **found)
    parts = {"scheduler": DDPMScheduler.load_config(source, subfolder="scheduler", **found), "text_encoder": text}
    for part, kind in (("tokenizer", CLIPTokenizer), ("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
        parts[part] = kind.from_pretrained(source, subfolder=part, **found)
    # for weights in no file, diffusers allocates no memory; transformers draws them at random
    lacking = {"text_encoder": sorted(read["missing_keys"])}
    for part in ("unet", "vae"):
        lacking[part] = [name for name, tensor in parts[part].state_dict().items() if tensor.is_meta]
    return parts, lacking


@contextmanager
def frozen_in(network: nn.Module, dtype: torch.dtype, *, kept_on: str | None = None) -> Iterator[None]:
    """Hold the frozen weights of `network` in `dtype`; afterwards restore them, bit for bit.

    Autocast would cast each weight anew at every use, and training would keep each copy for its backward pass.

    Args:
        kept_on: where the original weights wait. None leaves them in place; "cpu" frees a GPU of them (3.4 GB
            of Stable Diffusion 1.5), at the cost of seconds to copy them back.
    """
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    kept = [parameter.data if kept_on is None else parameter.data.to(kept_on) for parameter in frozen]
    try:
        for parameter in frozen:
            parameter.data = parameter.data.to(dtype)
        yield
    finally:
        for parameter, data in zip(frozen, kept, strict=True):
            parameter.data = data.to(parameter.device)
