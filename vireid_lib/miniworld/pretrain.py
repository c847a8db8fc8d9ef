"""Pre-train the miniature Stable Diffusion that plays the part of Stable Diffusion 1.5 in the embedded book."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from vireid_lib.miniworld import pretrain_denoiser, pretrain_report, pretrain_vae
from vireid_lib.miniworld.pretrain_bank import Bank, build_bank
from vireid_lib.miniworld.pretrain_config import PretrainConfig
from vireid_lib.training import checkpoint, devices
from vireid_lib.training.loop import train

__all__ = ["BASE_MODEL", "PretrainConfig", "export", "pretrain"]

BASE_MODEL = Path(__file__).resolve().parent / "base_model"
"""The shipped model, in the folder layout of diffusers."""


def pretrain(
    folder: Path,
    *,
    config: PretrainConfig | None = None,
    device: str | None = None,
    precision: Literal["no", "bf16"] = "no",
    checkpoint_every: int = 500,
    progress: bool = True,
    read: int = 12_000,
    sampled: int = 256,
) -> dict[str, Any]:
    """Render the bank, train autoencoder and denoiser, write `folder/model` and its recipe; resumable.

    The model sees visible pictures of people of its own seed stream before random cameras: no infrared
    picture, and no identity of either miniature data set.

    Args:
        folder: holds everything; a run that was stopped continues here.
        device: "cpu", or None for the best one there is.
        read, sampled: pictures that the judge of caption consistency learns from, and samples that it judges.

    Returns:
        The recipe: settings, PSNR, caption consistency, wall time, hardware (also `model/recipe.json`).
    """
    folder, config = Path(folder), config or PretrainConfig()
    device = device and str(devices.resolved(device))  # one that is not here is refused before the bank is drawn
    bank = build_bank(folder / "bank", config.bank, seed=config.seed)
    build_bank(folder / "held_out", config.bank, seed=config.seed, held_out=True)
    options = dict(seed=config.seed, checkpoint_every=checkpoint_every, precision=precision, device=device)
    options |= dict(progress=progress, log_every=100)
    vae = pretrain_vae.build_vae(config.vae, height=config.bank.height, seed=config.seed)
    task = pretrain_vae.VaeTask(vae, bank, config.vae)
    train(task, steps=config.vae.steps, folder=folder / "vae", **options)
    _restore(folder / "vae", {"vae": vae})
    vae.eval().requires_grad_(False)
    latents = pretrain_denoiser.encode_bank(vae, bank, folder / "latents.npy", device=str(vae.device))
    scale = latent_scale(latents)
    tokenizer, text, unet = _new_denoiser(config, latents.shape[2:])
    task = pretrain_denoiser.DenoiserTask(unet, text, tokenizer, latents, scale, bank, config)
    train(task, steps=config.denoiser.steps, folder=folder / "denoiser", **options)
    return export(folder, folder / "model", config, read=read, sampled=sampled)


def export(
    folder: Path, target: Path, config: PretrainConfig, *, read: int = 12_000, sampled: int = 256
) -> dict[str, Any]:
    """Write the averaged weights of the newest checkpoints in `folder` to `target`, with the recipe.

    Works at any time after the first checkpoint of the denoiser. Raises FileNotFoundError before that.
    """
    vae = pretrain_vae.build_vae(config.vae, height=config.bank.height, seed=config.seed)
    seconds = {"vae": _restore(folder / "vae", {"vae": vae})}
    vae.eval()
    latents = np.load(folder / "latents.npy", mmap_mode="r")
    tokenizer, text, unet = _new_denoiser(config, latents.shape[2:])
    seconds["denoiser"] = _restore(folder / "denoiser", {"text": text, "unet": unet})
    vae.register_to_config(scaling_factor=latent_scale(latents))
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=pretrain_denoiser.build_scheduler(config.denoiser),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(target, safe_serialization=True)
    recipe = {
        "config": config.model_dump(mode="json"),
        "steps": {part: checkpoint.load(folder / part / "checkpoints")[0] for part in ("vae", "denoiser")},
        "seconds": {part: round(value) for part, value in seconds.items()},
        "hardware": _hardware(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    recipe["quality"] = judge(folder, target, config, read=read, sampled=sampled)
    (target / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
    return recipe


def judge(folder: Path, model: Path, config: PretrainConfig, *, read: int, sampled: int) -> dict[str, Any]:
    """Measure the written model on held-out people, and leave `samples.png`, `reconstructions.png` in `folder`."""
    pipeline = StableDiffusionPipeline.from_pretrained(model, safety_checker=None).to(torch.float32)
    bank, held_out = Bank(folder / "bank"), Bank(folder / "held_out")
    pixels = np.array(held_out.pixels)
    restored = pretrain_report.reconstruct(pipeline.vae, pixels)
    shades = pretrain_report.grey(pixels)
    grey_restored = pretrain_report.reconstruct(pipeline.vae, shades)
    reader = pretrain_report.train_reader(
        bank, pretrain_report.reconstruct(pipeline.vae, bank.pixels[:read]), seed=config.seed
    )
    captions = held_out.captions[:sampled]
    drawn = pretrain_report.sample(pipeline, [f"a photo of {caption}" for caption in captions], seed=config.seed)
    rows = [stage[start : start + 16] for start in range(0, min(48, len(drawn)), 16) for stage in (pixels, drawn)]
    Image.fromarray(pretrain_report.sheet(rows)).save(folder / "samples.png")
    rows = [stage[:16] for stage in (pixels, restored, shades, grey_restored)]
    Image.fromarray(pretrain_report.sheet(rows)).save(folder / "reconstructions.png")
    return {
        "psnr": round(pretrain_report.psnr(pixels, restored), 2),
        "psnr_grey": round(pretrain_report.psnr(shades, grey_restored), 2),
        "consistency_of_samples": pretrain_report.consistency(reader, drawn, captions),
        "consistency_of_renders": pretrain_report.consistency(reader, restored, held_out.captions),
    }


def latent_scale(latents: np.ndarray) -> float:
    """The factor that gives the latents a root mean square of one (`scaling_factor` of diffusers)."""
    return float(1 / np.sqrt(np.square(latents[:4096].astype(np.float32)).mean()))


def _new_denoiser(config: PretrainConfig, latent_shape: tuple[int, int, int]):
    tokenizer, text = pretrain_denoiser.build_text(config.text, seed=config.seed)
    unet = pretrain_denoiser.build_denoiser(
        config.denoiser, text_width=config.text.width, latent_shape=tuple(latent_shape), seed=config.seed
    )
    return tokenizer, text, unet


def _restore(folder: Path, modules: dict[str, torch.nn.Module]) -> float:
    """Load the averaged weights of a training into `modules`; returns its seconds so far."""
    saved = checkpoint.load(folder / "checkpoints")
    if saved is None:
        raise FileNotFoundError(f"{folder} has no checkpoint yet: run pretrain() in its parent folder first.")
    _, tensors, meta = saved
    average = checkpoint.unpack_state(tensors, meta["state"])["extras"]["average"]
    with torch.no_grad():
        for name, module in modules.items():
            for key, tensor in module.named_parameters():
                tensor.copy_(average[f"module.{name}.{key}"])
    return meta["seconds"]


def _hardware() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s)"
