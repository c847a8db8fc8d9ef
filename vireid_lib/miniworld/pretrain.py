"""Pre-train the miniature Stable Diffusion that plays the part of Stable Diffusion 1.5 in the embedded book.

`pretrain` draws a bank of captioned pictures, trains the autoencoder, encodes the bank, trains text encoder and U-Net
together, and writes a folder that diffusers loads; a captioner, trained on the same bank, lies in it. The recipe is
`pretrain_networks.PretrainConfig`. Every step is resumable. The model sees visible pictures of people of its own seed
stream by random cameras: no infrared picture, and no identity of the miniature data sets.
"""

import json
import platform
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from jaxtyping import UInt8
from torch import nn

from vireid_lib.data.grey import grey
from vireid_lib.miniworld import pretrain_networks as nets
from vireid_lib.miniworld.bank import build_bank, encode_bank, to_signed
from vireid_lib.miniworld.captioner import FOLDER, accuracy
from vireid_lib.miniworld.pretrain_tasks import CaptionerTask, Denoiser, DenoiserTask, Pretraining, VaeTask
from vireid_lib.training import devices
from vireid_lib.training.loop import train


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
    """Draw the bank, train autoencoder, denoiser and captioner, write `folder/model` and its recipe.

    Returns the recipe (also `model/recipe.json`): settings, wall time, hardware, PSNR of held-out people in dB, and the
    share of the captioner's words that are right about them.

    Args:
        folder: holds everything; a run that was stopped continues here.
        device: "cpu", or None for the best one there is.
    """
    config, seconds = config or nets.PretrainConfig(), {}
    device = device and str(devices.resolved(device))  # one that is not here is refused before the bank is drawn
    drawn = dict(seed=config.seed, height=config.bank.height, width=config.bank.width)
    bank = build_bank(folder / "bank", config.bank.images, **drawn)
    held_out = build_bank(folder / "held_out", config.bank.held_out, purpose="pretraining/held-out", **drawn)
    options = dict(seed=config.seed, checkpoint_every=checkpoint_every, precision=precision, device=device)
    options |= dict(progress=progress, log_every=100)

    def trained(name: str, task: Pretraining) -> nn.Module:
        """The average of the network's weights."""
        history = train(task, steps=getattr(config, name).steps, folder=folder / name, **options)
        seconds[name] = round(history.seconds)
        return task.extras["average"].module

    vae = nets.build_vae(config.vae, height=config.bank.height, seed=config.seed)
    vae = trained("vae", VaeTask(vae, bank, config.vae)).vae
    latents = encode_bank(vae, bank, folder / "latents.npy")
    root_mean_square = np.sqrt(np.square(latents[:4096].astype(np.float32)).mean())
    vae.register_to_config(scaling_factor=float(1 / root_mean_square))

    words = dict(seed=config.seed, monochrome=config.denoiser.monochrome > 0)
    tokenizer, text = nets.build_text(config.text, **words)
    sizes = dict(text_width=config.text.width, latent_shape=latents.shape[2:])
    unet = nets.build_denoiser(config.denoiser, seed=config.seed, **sizes)
    denoiser = trained("denoiser", DenoiserTask(Denoiser(text, unet), tokenizer, latents, vae, bank, config))

    captioner = nets.build_captioner(config.captioner, config.bank, seed=config.seed)
    captioner = trained("captioner", CaptionerTask(captioner, bank, config)).cpu()
    quality = {"psnr": psnr(vae, held_out.pixels), "psnr_grey": psnr(vae, grey(held_out.pixels))}
    recipe = {
        "config": config.model_dump(mode="json"),
        "steps": {name: getattr(config, name).steps for name in seconds},
        "seconds": seconds,
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "quality": quality | {"captioner": accuracy(captioner, held_out.pixels, held_out.captions)},
    }
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text,
        tokenizer=nets.build_text(config.text, **words)[0],  # the other one keeps its padding
        unet=denoiser.unet,
        scheduler=nets.build_scheduler(config.denoiser),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to("cpu", torch.float16).save_pretrained(folder / "model", safe_serialization=True)
    captioner.save(folder / "model" / FOLDER)
    (folder / "model" / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
    return recipe
