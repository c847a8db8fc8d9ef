"""Pre-train the miniature Stable Diffusion that plays the part of Stable Diffusion 1.5 in the embedded book.

`pretrain` draws a bank of captioned pictures, trains the autoencoder, encodes the bank, trains text encoder and U-Net
together, and writes a folder that diffusers loads; a captioner, trained on the same bank, lies in it. The recipe is
`pretrain_networks.PretrainConfig`. Every step is resumable. The model sees visible pictures of people of its own seed
stream by random cameras: no infrared picture, and no identity of the miniature data sets.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import UInt8
from transformers import CLIPTextModel, CLIPTokenizer

from vireid_lib.data.grey import grey
from vireid_lib.data.text import read_json
from vireid_lib.miniworld import pretrain_networks as nets
from vireid_lib.miniworld.bank import Bank, build_bank, encode_bank, to_signed
from vireid_lib.miniworld.captioner import FOLDER, accuracy
from vireid_lib.miniworld.pretrain_tasks import CaptionerTask, Denoiser, DenoiserTask, VaeTask
from vireid_lib.training import devices, weights
from vireid_lib.training.history import History
from vireid_lib.training.loop import train

RECIPE = "recipe.json"


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
    start: Path | None = None,
    device: str | None = None,
    precision: Literal["no", "bf16"] = "no",
    checkpoint_every: int = 500,
    progress: bool = True,
) -> dict[str, Any]:
    """Draw the bank, train autoencoder, denoiser and captioner, write `folder/model` and its recipe. Raises ValueError:
    `start` has networks of other settings than `config` says; names them.

    Returns the recipe (also `model/recipe.json`): settings, wall time, hardware, PSNR of held-out people in dB, and the
    share of the captioner's words that are right about them.

    Args:
        folder: holds everything; a run that was stopped continues here.
        start: a `model` folder of an earlier run, from which a second phase starts; its autoencoder stays as it is.
            None starts from nothing.
        device: "cpu", or None for the best one there is.
    """
    config = config or nets.PretrainConfig()
    device = device and str(devices.resolved(device))  # one that is not here is refused before the bank is drawn
    if start is not None:
        _refuse_other_networks(start, config)
    drawn = dict(seed=config.seed, height=config.bank.height, width=config.bank.width)
    bank = build_bank(folder / "bank", config.bank.images, **drawn)
    held_out = build_bank(folder / "held_out", config.bank.held_out, purpose="pretraining/held-out", **drawn)
    options = dict(seed=config.seed, checkpoint_every=checkpoint_every, precision=precision, device=device)
    options |= dict(progress=progress, log_every=100)

    vae_history = History()
    if start is None:
        task = VaeTask(nets.build_vae(config.vae, height=config.bank.height, seed=config.seed), bank, config.vae)
        vae_history = train(task, steps=config.vae.steps, folder=folder / "vae", **options)
        vae = task.extras["average"].module.vae
    else:
        vae = AutoencoderKL.from_pretrained(start, subfolder="vae").float().requires_grad_(False)
        vae.to(devices.resolved(device))
    latents = encode_bank(vae, bank, folder / "latents.npy")
    if start is None:  # to a root mean square of one
        scale = float(1 / np.sqrt(np.square(latents[:4096].astype(np.float32)).mean()))
        vae.register_to_config(scaling_factor=scale)

    tokenizer, text = _build_text(config, start)
    if start is None:
        sizes = dict(text_width=config.text.width, latent_shape=latents.shape[2:])
        unet = nets.build_denoiser(config.denoiser, seed=config.seed, **sizes)
    else:
        unet = UNet2DConditionModel.from_pretrained(start, subfolder="unet").float()
    come_from = start and weights.digest(str(start))
    task = DenoiserTask(Denoiser(text, unet), tokenizer, latents, vae, bank, config, start=come_from)
    history = train(task, steps=config.denoiser.steps, folder=folder / "denoiser", **options)
    denoiser = task.extras["average"].module

    recipe = {
        "config": config.model_dump(mode="json"),
        "steps": {"vae": config.vae.steps if start is None else 0, "denoiser": config.denoiser.steps},
        "seconds": {"vae": round(vae_history.seconds), "denoiser": round(history.seconds)},
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "quality": {"psnr": psnr(vae, held_out.pixels), "psnr_grey": psnr(vae, grey(held_out.pixels))},
    }
    if start is not None:
        recipe["start"] = {"weights": come_from, **read_json(start / RECIPE)}
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text,
        tokenizer=_build_text(config, start)[0],  # the other one keeps its padding
        unet=denoiser.unet,
        scheduler=nets.build_scheduler(config.denoiser),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to("cpu", torch.float16).save_pretrained(folder / "model", safe_serialization=True)
    (folder / "model" / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n")
    return add_captioner(folder / "model", folder / "captioner", bank, held_out, config, **options)


def add_captioner(
    model: Path, folder: Path, bank: Bank, held_out: Bank, config: nets.PretrainConfig, **options: Any
) -> dict[str, Any]:
    """Train the captioner in `folder` (`options` as of `training.loop.train`) and put it, and its part of the recipe,
    into a model's folder, which needs none yet. Returns the whole recipe."""
    task = CaptionerTask(nets.build_captioner(config.captioner, config.bank, seed=config.seed), bank, config)
    history = train(task, steps=config.captioner.steps, folder=folder, **options)
    captioner = task.extras["average"].module
    captioner.save(model / FOLDER)
    recipe = read_json(model / RECIPE)
    recipe["config"]["captioner"] = config.captioner.model_dump(mode="json")
    recipe["steps"]["captioner"], recipe["seconds"]["captioner"] = config.captioner.steps, round(history.seconds)
    recipe["quality"]["captioner"] = accuracy(captioner.cpu(), held_out.pixels, held_out.captions)
    (model / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n")
    return recipe


def _build_text(config: nets.PretrainConfig, start: Path | None) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Tokenizer and text encoder as the training starts; with a word for monochrome pictures where there are any."""
    if start is None:
        tokenizer, text = nets.build_text(config.text, seed=config.seed)
    else:
        tokenizer = CLIPTokenizer.from_pretrained(start, subfolder="tokenizer")
        text = CLIPTextModel.from_pretrained(start, subfolder="text_encoder").float()
    if config.denoiser.monochrome:
        nets.add_word(nets.MONOCHROME, tokenizer, text)
    return tokenizer, text


def _refuse_other_networks(start: Path, config: nets.PretrainConfig) -> None:
    """Raise ValueError unless `config` describes the networks and the noise that the model in `start` has."""
    if not (start / RECIPE).is_file():
        raise ValueError(f"{start} has no {RECIPE}: start from a folder that `pretrain` wrote, its `model`.")
    there = nets.PretrainConfig.model_validate_json(json.dumps(read_json(start / RECIPE)["config"]))
    named = {name: (getattr(there.denoiser, name), getattr(config.denoiser, name)) for name in nets.OF_THE_NETWORK}
    named |= {name: (getattr(there, name), getattr(config, name)) for name in ("vae", "text")}
    if differing := [name for name, (then, now) in named.items() if then != now]:
        raise ValueError(
            f"{start} was made with other settings of {', '.join(differing)}, which a second phase keeps: take those "
            f"of its {RECIPE}."
        )
