"""Stages of chapter 02: what the base model knows, what noise does to a picture, what the prompt is worth."""

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
from vireid_lib.book import arrays, stages
from vireid_lib.book.book import Book
from vireid_lib.book.records import StageRecord
from vireid_lib.book.settings import dive_config
from vireid_lib.data import tables
from vireid_lib.data.images import load_images, to_float
from vireid_lib.generators.dive.base import Base, fingerprint, load_base
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel, Predictor
from vireid_lib.generators.dive.vocabulary import camera_keys
from vireid_lib.training import seeds

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

TIMES = (0.1, 0.35, 0.6, 0.85)
"""Places on the noise schedule at which losses are compared."""


@dataclass(frozen=True)
class Grid:
    """Pictures in rows and columns, for `plots.image_grid(**vars(grid))`."""

    images: list[list[np.ndarray | None]]
    row_labels: list[str]
    column_labels: list[str]


def fitted_rows(book: Book, split: int = 1) -> pd.DataFrame:
    """What DiVE is fitted to: the target's training rows and the external visible ones."""
    data = stages.datasets(book, split)
    return tables.concat(data.learn(), data.external)


def base_samples(book: Book, *, prompts: int = 6, each: int = 3) -> Grid:
    """Ask the base model, not fine-tuned yet, for pictures by text alone: a row per prompt.

    The prompts describe people whom no data set shows; in the miniature world the first column shows how the renderer
    draws the very person that the caption describes.
    """
    config = dive_config(book.profile)
    texts, drawn = _captions(book, prompts, (config.height, config.width))
    settings = {"prompts": texts, "each": each, "guidance": config.guidance, "steps": config.sampling_steps,
                "size": [config.height, config.width]}  # fmt: skip

    def make(folder: Path) -> None:
        base = _base(book)
        draws = [seeds.integer(0, "base sample", text, number) % 2**32 for number in range(each) for text in texts]
        pictures = draw(base, texts * each, draws, size=(config.height, config.width), guidance=config.guidance,
                        steps=config.sampling_steps)  # fmt: skip
        arrays.save(folder, pictures=pictures)

    held = arrays.load(book.stage("base_samples", settings, _base_input(book), make, seeds=[0]))["pictures"]
    rows = [list(held[place :: len(texts)]) for place in range(len(texts))]
    labels = [f"sample {number}" for number in range(1, each + 1)]
    if drawn is not None:
        rows, labels = [[first, *row] for first, row in zip(drawn, rows, strict=True)], ["drawn", *labels]
    return Grid(rows, [textwrap.fill(text.removeprefix("a photo of "), 26) for text in texts], labels)


def _captions(book: Book, count: int, size: tuple[int, int]) -> tuple[list[str], Pictures | None]:
    if not book.miniature:
        return list(PROMPTS[:count]), None
    from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
    from vireid_lib.miniworld.people import caption, people_stream
    from vireid_lib.miniworld.render import render

    people = list(islice(people_stream(0, "captions"), count))
    rng = np.random.default_rng(0)
    views = [sample_view(rng, random_visible_camera(rng)) for _ in people]
    drawn = render(people, views, height=size[0], width=size[1], modality="visible")
    return [f"a photo of {caption(person)}" for person in people], drawn


def draw(
    base: Base, prompts: Sequence[str], draws: Sequence[int], *, size: tuple[int, int], guidance: float, steps: int
) -> Pictures:
    """One picture a prompt, by diffusers' own pipeline with DPM-Solver++; `draws` are the seeds."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        vae=base.vae, text_encoder=base.text, tokenizer=base.tokenizer, unet=base.unet,
        scheduler=DPMSolverMultistepScheduler.from_config(base.schedule.config), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in draws]
    images = pipeline(
        list(prompts), height=size[0], width=size[1], num_inference_steps=steps, guidance_scale=guidance,
        generator=generators, output_type="np",
    ).images  # fmt: skip
    return (images * 255).round().astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Pictures before and after the autoencoder, and how much it loses: columns modality, PSNR (dB), standard
    deviation, images."""

    grid: Grid
    table: pd.DataFrame


def reconstructions(book: Book, *, measured: int = 64, shown: int = 4) -> Reconstructions:
    """Send real training images of both modalities through the autoencoder and back."""
    config, rows = dive_config(book.profile), spread(stages.datasets(book).learn(), measured)
    settings = {"size": [config.height, config.width]}

    def make(folder: Path) -> dict:
        base = _base(book)
        pixels = np.asarray(load_images(rows["path"].tolist(), (config.height, config.width), cache=None).pixels)
        restored = _round_trip(base, pixels)
        arrays.save(folder, before=pixels, after=restored)
        quality = pd.Series(psnr(pixels, restored)).groupby(rows["modality"].to_numpy())
        table = pd.DataFrame({"PSNR (dB)": quality.mean(), "standard deviation": quality.std()})
        table = table.assign(images=quality.size()).rename_axis("modality").reset_index()
        return {"psnr": table.iloc[::-1].to_dict("records")}

    record = book.stage("base_reconstructions", settings, _base_input(book) | {"images": rows}, make)
    held = arrays.load(record)
    chosen = [i for name in ("visible", "infrared") for i in np.flatnonzero(rows["modality"] == name)[:shown]]
    grid = Grid([list(held["before"][chosen]), list(held["after"][chosen])], ["image", "after encoder\nand decoder"],
                [rows["modality"].iloc[i] for i in chosen])  # fmt: skip
    return Reconstructions(grid, pd.DataFrame(record.values["psnr"]))


@torch.no_grad()
def _round_trip(base: Base, pixels: Pictures) -> Pictures:
    parts = []
    for start in range(0, len(pixels), 16):
        images = to_float(pixels[start : start + 16], base.vae.device) * 2 - 1
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


def noising(book: Book) -> Noising:
    """z_t = alpha_t z + sigma_t e for one visible and one infrared image, decoded at several t (eq. 1)."""
    config, rows = dive_config(book.profile), spread(stages.datasets(book).learn(), 2)
    settings = {"size": [config.height, config.width], "times": list(NOISING_TIMES)}

    @torch.no_grad()
    def make(folder: Path) -> None:
        base = _base(book)
        pixels = load_images(rows["path"].tolist(), (config.height, config.width), cache=None).pixels
        scale = base.vae.config.scaling_factor
        clean = base.vae.encode(to_float(pixels, base.vae.device) * 2 - 1).latent_dist.mean * scale
        noise = torch.randn(clean.shape, generator=seeds.generator(0, "noising")).to(clean.device)
        alphas = base.schedule.alphas_cumprod
        steps = [round(share * (len(alphas) - 1)) for share in NOISING_TIMES]
        noised = [diffuse(clean, noise, alphas[[step] * len(clean)].to(clean.device), "epsilon")[0] for step in steps]
        decoded = np.stack([_decode(base, part / scale) for part in noised], 1)
        arrays.save(folder, pictures=decoded, original=np.asarray(pixels), alphas=alphas.numpy(),
                    steps=np.array(steps))  # fmt: skip

    held = arrays.load(book.stage("noising", settings, _base_input(book) | {"images": rows}, make, seeds=[0]))
    images = [[first, *line] for first, line in zip(held["original"], held["pictures"], strict=True)]
    labels = ["image", *(f"t = {step}" for step in held["steps"])]
    signal = np.sqrt(held["alphas"])
    schedule = pd.DataFrame({"t": np.arange(len(signal)), "signal": signal, "noise": np.sqrt(1 - held["alphas"])})
    return Noising(Grid(images, rows["modality"].tolist(), labels), schedule)


PROMPT_VARIANTS = {
    "right": "its own [k] and [p]",
    "person": "another person's [p]",
    "code": "a code of the other modality, own branch",
    "branch": "code and branch of the other modality",
    "base": "the base model: “a photo of a person”",
}
"""Under which prompts `prompt_worth` measures the loss of eq. 6."""


def prompt_worth(book: Book, *, images: int = 32, split: int = 1) -> pd.DataFrame:
    """How well the fine-tuned model denoises real training images when the prompt is right, and when it is wrong.

    The loss of eq. 6 on fixed images with fixed noise at the times of `TIMES`, so that columns differ by the prompt
    alone.

    Returns:
        one row per image and time: modality, time (0..1), and a loss for each key of `PROMPT_VARIANTS`.
    """
    rows = spread(stages.datasets(book, split).learn(), images)
    fitted = stages.finetuning(book, split)

    def make(folder: Path) -> dict:
        losses = _losses(stages.generator(book, split).model, rows).numpy()
        arrays.save(folder, losses=losses)
        return {"rise": prompt_verdict(_worth(rows, losses)).to_dict("records")}

    settings = {"times": list(TIMES), "variants": list(PROMPT_VARIANTS)}
    record = book.stage("prompt_worth", settings, {"finetuning": fitted, "images": rows}, make, seeds=[0])
    return _worth(rows, arrays.load(record)["losses"])


def _worth(rows: pd.DataFrame, losses: Float[np.ndarray, "variants times images"]) -> pd.DataFrame:
    return pd.DataFrame({
        "modality": np.tile(rows["modality"].to_numpy(dtype=object), len(TIMES)),
        "time": np.repeat(TIMES, len(rows)),
        **{name: losses[place].reshape(-1).astype(float) for place, name in enumerate(PROMPT_VARIANTS)},
    })  # fmt: skip


def prompt_verdict(worth: pd.DataFrame) -> pd.DataFrame:
    """By how much each wrong prompt raises the loss, paired by image, in percent of the right prompt's loss.

    Returns:
        columns prompt, modality, loss, rise (%), standard error, images. The standard error is over images.
    """
    image = worth.groupby(["modality", "time"]).cumcount()
    per_image = worth.assign(image=image).groupby(["modality", "image"], sort=False)[list(PROMPT_VARIANTS)].mean()
    rows = []
    for name, words in PROMPT_VARIANTS.items():
        for modality, part in per_image.groupby("modality", sort=False):
            rise = 100 * (part[name] - part["right"]) / part["right"].mean()
            rows.append({"prompt": words, "modality": modality, "loss": part[name].mean(), "rise (%)": rise.mean(),
                         "standard error": rise.std(ddof=1) / len(rise) ** 0.5, "images": len(rise)})  # fmt: skip
    return pd.DataFrame(rows)


def prompt_curves(worth: pd.DataFrame) -> dict[str, tuple[pd.Index, pd.Series]]:
    """For each wrong prompt the times and the rise of the mean loss there, in percent."""
    means = worth.groupby("time")[list(PROMPT_VARIANTS)].mean()
    return {words: (means.index, 100 * (means[name] / means["right"] - 1))
            for name, words in PROMPT_VARIANTS.items() if name != "right"}  # fmt: skip


@torch.no_grad()
def _losses(model: DiveModel, rows: pd.DataFrame) -> Float[Tensor, "variants times images"]:
    base, config = model.base, model.config
    device = base.unet.device
    pixels = load_images(rows["path"].tolist(), (config.height, config.width), cache=None).pixels
    clean = torch.cat([base.vae.encode(to_float(pixels[i : i + 16], device) * 2 - 1).latent_dist.mean
                       for i in range(0, len(rows), 16)]) * base.vae.config.scaling_factor  # fmt: skip
    noise = torch.randn(clean.shape, generator=seeds.generator(0, "prompt worth")).to(device)
    people, cameras = rows["identity"].tolist(), camera_keys(rows, model.vocabulary)
    others, elsewhere = _other_people(rows), _other_modality(rows, cameras)
    empty = [""] * len(rows)
    choices = {
        "right": (model.prompts(people, cameras), cameras), "person": (model.prompts(others, cameras), cameras),
        "code": (model.prompts(people, elsewhere), cameras), "branch": (model.prompts(people, elsewhere), elsewhere),
        "base": (model.prompts(empty, empty), None),
    }  # fmt: skip
    alphas = base.schedule.alphas_cumprod.to(device)
    steps = torch.tensor([round(share * (len(alphas) - 1)) for share in TIMES], device=device)
    found = torch.empty(len(choices), len(steps), len(rows))
    for place, (prompts, branches) in enumerate(choices[name] for name in PROMPT_VARIANTS):
        ids = model.tokenize(prompts).to(device)
        for row, step in enumerate(steps):
            for start in range(0, len(rows), 16):
                part = slice(start, start + 16)
                times = step.expand(len(ids[part]))
                noised, target = diffuse(clean[part], noise[part], alphas[times], base.prediction)
                predicted = predict(model, ids[part], noised, times, None if branches is None else branches[part])
                found[place, row, part] = (predicted.float() - target).square().mean((1, 2, 3)).cpu()
    return found


def predict(model: DiveModel, ids: Tensor, noised: Tensor, times: Tensor, cameras: list[str] | None) -> Tensor:
    """The prediction under the branches of the cameras, or of the bare base model."""
    if cameras is None:
        with model.branches.using(None):
            return model.base.unet(noised, times, model.base.text(ids).last_hidden_state).sample
    chosen = torch.tensor([model.vocabulary.branch(camera) for camera in cameras], device=ids.device)
    frozen = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    return Predictor(model)(ids, noised, times, chosen, frozen)


def _other_people(rows: pd.DataFrame) -> list[str]:
    """For each row an identity that it does not show: the next one among those of the rows."""
    names = sorted(rows["identity"].unique())
    return [names[(names.index(name) + 1) % len(names)] for name in rows["identity"]]


def _other_modality(rows: pd.DataFrame, cameras: list[str]) -> list[str]:
    """For each row a camera of the other modality, out of `cameras`, those of the rows."""
    first = pd.Series(cameras).groupby(rows["modality"].to_numpy()).min()
    return [first["infrared" if modality == "visible" else "visible"] for modality in rows["modality"]]


def spread(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, half of each modality, spread evenly over the table."""
    parts = []
    for modality in ("visible", "infrared"):
        own = table[table["modality"] == modality].sort_values(["identity", "camera", "path"])
        parts.append(own.iloc[np.unique(np.linspace(0, len(own) - 1, -(-count // 2)).round().astype(int))])
    return pd.concat(parts).reset_index(drop=True)


def _base(book: Book) -> Base:
    base = load_base(dive_config(book.profile).base_model)
    for module in (base.text, base.unet, base.vae):
        module.to(book.device)
    return base


def _base_input(book: Book) -> dict[str, str]:
    """The base model as an input of a stage: a rebuilt model of the same name makes the stage anew."""
    name = dive_config(book.profile).base_model
    return {"base_model": f"{name} {fingerprint(name) or 'from the hub'}"}


def cost(book: Book, record: StageRecord) -> pd.DataFrame:
    """What fine-tuning cost here, and what the paper spent."""
    config, minutes = dive_config(book.profile), record.result["wall_seconds"] / 60
    here = {
        "images": record.values["images"], "identities": record.values["identities"],
        "cameras": len(record.values["cameras"]), "steps": config.steps, "batch": config.batch,
        "images seen": config.steps * config.batch, "learning rate": config.learning_rate,
        "LoRA rank": config.lora_rank, "vectors per token": config.vectors_per_token,
        "minutes": round(minutes, 1), "device": record.result["device"],
    }  # fmt: skip
    paper = {"steps": 400_000, "batch": 16, "images seen": 6_400_000, "learning rate": 5e-5, "LoRA rank": 128,
             "vectors per token": 1}  # fmt: skip
    return pd.DataFrame({"here": pd.Series(here, dtype=object), "printed in the paper": pd.Series(paper, dtype=object)},
                        index=list(here)).fillna("not printed")  # fmt: skip
