"""Stages of chapter 02 about the base model: what it draws, what its autoencoder loses, what noise leaves."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.analysis.fidelity import psnr
from vireid_lib.data.images import to_float
from vireid_lib.experiment import arrays
from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive.base import Base, fingerprint, load_base
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.training import seeds
from vireid_lib.viz.pictures import Grid, pixels, spread

Pictures = UInt8[np.ndarray, "n height width 3"]

PROMPTS = (
    "a photo of a woman wearing a red coat, full body, street",
    "a photo of a man wearing a white shirt and black trousers, full body, street",
    "a photo of a person with a blue backpack, full body, seen from behind",
    "an infrared surveillance camera photo of a person, full body",
)
"""What a model that knows the world's photographs is asked for; the miniature one gets captions of its own world."""

NOISING_TIMES = (0.05, 0.1, 0.2, 0.35, 0.6, 0.98)
"""Places on the noise schedule, as shares of its length, at which a picture is shown."""


def base_samples(run: Run, *, prompts: int = 6, each: int = 3) -> Grid:
    """Ask the base model, not fine-tuned yet, for pictures by text alone: a row per prompt.

    The prompts describe people whom no data set shows; in the miniature world the first column shows how the renderer
    draws the very person that the caption describes.
    """
    config = run.generator_config("dive")
    texts, drawn = _captions(run, prompts, (config.height, config.width))
    settings = {
        "prompts": texts,
        "each": each,
        "guidance": config.guidance,
        "steps": config.sampling_steps,
        "spacing": config.timestep_spacing,
        "size": [config.height, config.width],
    }

    def make(folder: Path) -> None:
        base = _base(run)
        draws = [seeds.integer(0, "base sample", text, number) % 2**32 for number in range(each) for text in texts]
        pictures = draw(
            base,
            texts * each,
            draws,
            size=(config.height, config.width),
            guidance=config.guidance,
            steps=config.sampling_steps,
            spacing=config.timestep_spacing,
        )
        arrays.save(folder, pictures=pictures)

    held = arrays.load(run.stage("base_samples", settings, _base_input(run), make, seeds=[0]))["pictures"]
    rows = [list(held[place :: len(texts)]) for place in range(len(texts))]
    labels = [f"sample {number}" for number in range(1, each + 1)]
    if drawn is not None:
        rows, labels = [[first, *row] for first, row in zip(drawn, rows, strict=True)], ["drawn", *labels]
    return Grid(rows, [textwrap.fill(text.removeprefix("a photo of "), 26) for text in texts], labels)


def _captions(run: Run, count: int, size: tuple[int, int]) -> tuple[list[str], Pictures | None]:
    if not run.miniature:
        return list(PROMPTS[:count]), None
    from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
    from vireid_lib.miniworld.captions import caption
    from vireid_lib.miniworld.people import people_stream
    from vireid_lib.miniworld.render import render

    people = list(islice(people_stream(0, "captions"), count))
    rng = np.random.default_rng(0)
    views = [sample_view(rng, random_visible_camera(rng)) for _ in people]
    drawn = render(people, views, height=size[0], width=size[1], modality="visible")
    return [f"a photo of {caption(person)}" for person in people], drawn


def draw(
    base: Base,
    prompts: Sequence[str],
    draws: Sequence[int],
    *,
    size: tuple[int, int],
    guidance: float,
    steps: int,
    spacing: str,
) -> Pictures:
    """One picture a prompt, by diffusers' own pipeline with DPM-Solver++; `draws` are the seeds."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        vae=base.vae,
        text_encoder=base.text,
        tokenizer=base.tokenizer,
        unet=base.unet,
        scheduler=sampler(base.schedule, spacing),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in draws]
    images = pipeline(
        list(prompts),
        height=size[0],
        width=size[1],
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        output_type="np",
    ).images
    return (images * 255).round().astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Pictures before and after the autoencoder, and how much it loses: columns modality, PSNR (dB), standard
    deviation, images."""

    grid: Grid
    table: pd.DataFrame


def reconstructions(run: Run, *, measured: int = 64, shown: int = 4) -> Reconstructions:
    """Send real training images of both modalities through the autoencoder and back."""
    config, rows = run.generator_config("dive"), spread(run.data().train_rows(), measured)
    settings = {"size": [config.height, config.width]}

    def make(folder: Path) -> dict:
        base = _base(run)
        images = pixels(rows, (config.height, config.width))
        restored = _round_trip(base, images)
        arrays.save(folder, before=images, after=restored)
        quality = pd.Series(psnr(images, restored)).groupby(rows["modality"].to_numpy())
        table = pd.DataFrame({"PSNR (dB)": quality.mean(), "standard deviation": quality.std()})
        table = table.assign(images=quality.size()).rename_axis("modality").reset_index()
        return {"psnr": table.iloc[::-1].to_dict("records")}

    record = run.stage("base_reconstructions", settings, _base_input(run) | {"images": rows}, make)
    held = arrays.load(record)
    chosen = [i for name in ("visible", "infrared") for i in np.flatnonzero(rows["modality"] == name)[:shown]]
    grid = Grid(
        [list(held["before"][chosen]), list(held["after"][chosen])],
        ["image", "after encoder\nand decoder"],
        [rows["modality"].iloc[i] for i in chosen],
    )
    return Reconstructions(grid, pd.DataFrame(record.values["psnr"]))


@torch.no_grad()
def _round_trip(base: Base, pictures: Pictures) -> Pictures:
    parts = []
    for start in range(0, len(pictures), 16):
        images = to_float(pictures[start : start + 16], base.vae.device) * 2 - 1
        parts.append(_decode(base, base.vae.encode(images).latent_dist.mean))
    return np.concatenate(parts)


def _decode(base: Base, latents: Float[Tensor, "n c h w"]) -> Pictures:
    images = base.vae.decode(latents).sample.clamp(-1, 1)
    return ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


@dataclass(frozen=True, eq=False)
class Noising:
    """A picture on its way to noise, and the schedule: columns t, signal (alpha_t), noise (sigma_t)."""

    grid: Grid
    schedule: pd.DataFrame


def noising(run: Run) -> Noising:
    """z_t = alpha_t z + sigma_t e for one visible and one infrared image, decoded at several t (eq. 1)."""
    config, rows = run.generator_config("dive"), spread(run.data().train_rows(), 2)
    settings = {"size": [config.height, config.width], "times": list(NOISING_TIMES)}

    @torch.no_grad()
    def make(folder: Path) -> None:
        base = _base(run)
        images = pixels(rows, (config.height, config.width))
        scale = base.vae.config.scaling_factor
        clean = base.vae.encode(to_float(images, base.vae.device) * 2 - 1).latent_dist.mean * scale
        noise = torch.randn(clean.shape, generator=seeds.generator(0, "noising")).to(clean.device)
        alphas = base.schedule.alphas_cumprod
        steps = [round(share * (len(alphas) - 1)) for share in NOISING_TIMES]
        noised = [diffuse(clean, noise, alphas[[step] * len(clean)].to(clean.device), "epsilon")[0] for step in steps]
        decoded = np.stack([_decode(base, part / scale) for part in noised], 1)
        arrays.save(folder, pictures=decoded, original=images, alphas=alphas.numpy(), steps=np.array(steps))

    held = arrays.load(run.stage("noising", settings, _base_input(run) | {"images": rows}, make, seeds=[0]))
    images = [[first, *line] for first, line in zip(held["original"], held["pictures"], strict=True)]
    labels = ["image", *(f"t = {step}" for step in held["steps"])]
    signal = np.sqrt(held["alphas"])
    schedule = pd.DataFrame({"t": np.arange(len(signal)), "signal": signal, "noise": np.sqrt(1 - held["alphas"])})
    return Noising(Grid(images, rows["modality"].tolist(), labels), schedule)


def _base(run: Run) -> Base:
    base = load_base(run.generator_config("dive").base_model)
    for module in (base.text, base.unet, base.vae):
        module.to(run.device)
    return base


def _base_input(run: Run) -> dict[str, str]:
    """The base model as an input of a stage: a rebuilt model of the same name makes the stage anew."""
    name = run.generator_config("dive").base_model
    return {"base_model": f"{name} {fingerprint(name) or 'from the hub'}"}
