"""Stages of chapter 06: attention maps of sampled pictures, and attention on people whose outline is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.analysis.attention import concentration, record, token_positions
from vireid_lib.book.attention.findings import LABELS, conclusion, findings
from vireid_lib.book.fitting.facts import prompt_pieces
from vireid_lib.book.fitting.stages import predict
from vireid_lib.data.images import to_float
from vireid_lib.experiment import arrays
from vireid_lib.experiment.dive_views import identities
from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.training import seeds
from vireid_lib.viz.pictures import Grid, pixels, spread

PROMPTS = {
    "[p] only": "a photo of [p] person",
    "[k] only": "a [k] photo of person",
    "[k] and [p]": "a [k] photo of [p] person",
}

TIMES = (0.2, 0.4, 0.6, 0.8)
"""Noise levels at which real pictures are looked at, as shares of the schedule."""

SHOWN = ("[k]", "photo", "[p]", "person")
"""The pieces whose maps are drawn."""


@dataclass(frozen=True)
class Overlays:
    """Pictures, a map for each piece of the prompt, row labels: for `plots.attention_overlays(**vars(overlays))`."""

    images: list[np.ndarray]
    attention: list[dict[str, np.ndarray]]
    row_labels: list[str]
    limits: tuple[float, float] = (0.0, 2.5)  # in units of a map's mean: 1 is an even share


@dataclass(frozen=True, eq=False)
class Sampled:
    """Pictures that were sampled while attention was recorded.

    Attributes:
        people: identities, in order.
        pictures: by prompt (the keys of `PROMPTS`) [people, height, width, 3].
        maps: by resolution and prompt [people, labels, map_height, map_width]; NaN for pieces that a prompt lacks.
    """

    people: list[str]
    pictures: dict[str, UInt8[np.ndarray, "people height width 3"]]
    maps: dict[tuple[int, int], dict[str, Float[np.ndarray, "people labels h w"]]]

    @property
    def resolutions(self) -> list[tuple[int, int]]:
        """Of the maps, the finest first."""
        return sorted(self.maps, reverse=True)

    def by_prompt(self, person: int, resolution: tuple[int, int]) -> Overlays:
        """A row per prompt, a column per piece; each map in units of its own mean, NaN where a prompt lacks it."""
        rows = [self._maps(prompt, person, resolution) for prompt in PROMPTS]
        return Overlays([self.pictures[prompt][person] for prompt in PROMPTS], rows, list(PROMPTS))

    def by_resolution(self, person: int) -> Overlays:
        """The prompt with [k] and [p] at every resolution, from fine to coarse."""
        prompt = list(PROMPTS)[-1]
        rows = [self._maps(prompt, person, each) for each in self.resolutions]
        return Overlays([self.pictures[prompt][person]] * len(rows), rows, [name(each) for each in self.resolutions])

    def _maps(self, prompt: str, person: int, resolution: tuple[int, int]) -> dict[str, np.ndarray]:
        held = self.maps[resolution][prompt][person]
        return {label: held[LABELS.index(label)] / held[LABELS.index(label)].mean() for label in SHOWN}


def sampled(run: Run, *, people: int = 3, noise: int = 0) -> Sampled:
    """Sample the prompts of the paper's Figure 6 from one noise and record the cross-attention of all steps.

    The LoRA branch is that of the first infrared camera where the prompt holds its code. Without a code the branch of
    the external set runs, in whose pictures the identities were learned.
    """
    names, camera = identities(run, people), run.infrared_cameras[0]
    own = run.data().external["camera"].iloc[0]

    def make(folder: Path) -> None:
        from vireid_lib.generators.dive.sample import Request, sample

        model, held = run.generator("dive").model, {}
        for prompt in PROMPTS:
            parts = [_parts(prompt, name, camera) for name in names]
            requests = [Request(who, where, noise, branch_of=where or own) for who, where in parts]
            with record(model.base.unet) as recorder:
                held[f"pictures {prompt}"] = sample(model, requests)
            for size in recorder.resolutions:
                maps = recorder.maps(size)[-len(names) :]  # with guidance, the half that saw the prompt
                pieces = [by_label(model, each, *part) for each, part in zip(maps, parts, strict=True)]
                held[f"{size[0]}x{size[1]} {prompt}"] = torch.stack(pieces).numpy()
        arrays.save(folder, **held)

    config = run.generator_config("dive")
    settings = {
        "identities": names,
        "camera": camera,
        "noise": noise,
        "steps": config.sampling_steps,
        "guidance": config.guidance,
    }
    stage = run.stage("attention_sampled", settings, {"finetuning": run.fit("dive")}, make, seeds=[noise])
    held = arrays.load(stage)
    maps: dict[tuple[int, int], dict[str, np.ndarray]] = {}
    for name, values in held.items():
        size, _, prompt = name.partition(" ")
        if size != "pictures":
            maps.setdefault(tuple(int(number) for number in size.split("x")), {})[prompt] = values
    return Sampled(names, {prompt: held[f"pictures {prompt}"] for prompt in PROMPTS}, maps)


def _parts(prompt: str, identity: str, camera: str) -> tuple[str, str]:
    return identity if "[p]" in prompt else "", camera if "[k]" in prompt else ""


def by_label(
    model: DiveModel, maps: Float[Tensor, "tokens h w"], identity: str, camera: str
) -> Float[Tensor, "labels h w"]:
    """The attention that each piece of the prompt gets, all its tokens together; NaN for a piece that is not there."""
    places = token_positions(model.base.tokenizer, prompt_pieces(model, identity, camera), len(maps))
    missing = torch.full(maps.shape[1:], torch.nan)
    return torch.stack([maps[places[label]].sum(0) if label in places else missing for label in LABELS])


def on_people(run: Run, *, images: int = 48) -> pd.DataFrame:
    """Attention on real training pictures, noised to `TIMES`, under their own prompt: is it on the person?

    In the miniature world the outline of each person is known from the renderer. Elsewhere it is an upright ellipse in
    the middle of the crop, which is coarse.

    Returns:
        one row per image, resolution and piece: image, modality, resolution ("16 × 8"), piece, concentration (1: as on
        an average place), share (of all attention, 0..1). Means over heads, layers and noise levels.
    """
    rows = spread(run.data().train_rows(), images)
    config = run.generator_config("dive")

    def make(folder: Path) -> dict:
        model = run.generator("dive").model
        masks = torch.from_numpy(_masks(run, rows, (config.height, config.width)))
        held = {}
        for resolution, maps in _attention(model, rows).items():
            values = torch.full((2, len(rows), len(LABELS)), torch.nan)
            for place in range(len(LABELS)):
                values[0, :, place] = concentration(maps[:, place], masks)
                values[1, :, place] = maps[:, place].mean((1, 2))
            held[name(resolution)] = values.numpy()
        arrays.save(folder, **held)
        measured = _long(held, rows)
        return {"findings": [vars(each) for each in findings(measured)], "conclusion": conclusion(measured)}

    inputs = {"finetuning": run.fit("dive"), "images": rows}
    stage = run.stage("attention_on_people", {"times": list(TIMES)}, inputs, make, seeds=[0])
    return _long(arrays.load(stage), rows)


def _long(held: dict[str, np.ndarray], rows: pd.DataFrame) -> pd.DataFrame:
    """[concentration or share, images, pieces] by resolution, as a long table, the finest resolution first."""
    parts = []
    for resolution in sorted(held, key=size, reverse=True):
        concentrated, share = held[resolution]
        part = pd.DataFrame(concentrated.astype(float), columns=list(LABELS))
        part = part.assign(image=range(len(rows)), modality=rows["modality"])
        part = part.melt(["image", "modality"], var_name="piece", value_name="concentration")
        parts.append(part.assign(resolution=resolution, share=share.T.reshape(-1).astype(float)))
    return pd.concat(parts, ignore_index=True)


@torch.no_grad()
def _attention(model: DiveModel, rows: pd.DataFrame) -> dict[tuple[int, int], Float[Tensor, "images labels h w"]]:
    base, config = model.base, model.config
    device = base.unet.device
    pictures = pixels(rows, (config.height, config.width))
    people, cameras = rows["identity"].tolist(), camera_keys(rows, model.vocabulary)
    ids = model.tokenize(model.prompts(people, cameras)).to(device)
    noise = seeds.generator(0, "attention")
    alphas = base.schedule.alphas_cumprod.to(device)
    found: dict[tuple[int, int], list[Tensor]] = {}
    for start in range(0, len(rows), 8):
        part = slice(start, start + 8)
        clean = base.vae.encode(to_float(pictures[part], device) * 2 - 1).latent_dist.mean
        clean = clean * base.vae.config.scaling_factor
        drawn = torch.randn(clean.shape, generator=noise).to(device)
        with record(base.unet) as recorder:
            for share in TIMES:
                times = torch.full((len(clean),), round(share * (len(alphas) - 1)), device=device)
                noised, _ = diffuse(clean, drawn, alphas[times], "epsilon")
                predict(model, ids[part], noised, times, cameras[part])
        for size in recorder.resolutions:
            maps = zip(recorder.maps(size), people[part], cameras[part], strict=True)
            found.setdefault(size, []).extend(by_label(model, each, who, where) for each, who, where in maps)
    return {size: torch.stack(maps) for size, maps in found.items()}


def _masks(run: Run, rows: pd.DataFrame, size: tuple[int, int]) -> Float[np.ndarray, "n height width"]:
    if run.miniature:
        from vireid_lib.miniworld.oracle import person_masks

        return person_masks(rows["path"].tolist(), height=size[0], width=size[1])
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    ellipse = ((x / size[1] - 0.5) / 0.3) ** 2 + ((y / size[0] - 0.5) / 0.46) ** 2 <= 1
    return np.repeat(ellipse[None].astype(np.float32), len(rows), 0)


def masks_shown(run: Run, *, images: int = 6) -> Grid:
    """Some of the pictures that `on_people` looks at, and where it takes the person to be."""
    rows, config = spread(run.data().train_rows(), images), run.generator_config("dive")
    shape = (config.height, config.width)
    masks = (255 * _masks(run, rows, shape)).astype(np.uint8)[..., None].repeat(3, 3)
    return Grid([list(pixels(rows, shape)), list(masks)], ["image", "person"], rows["modality"].tolist())


def name(resolution: tuple[int, int]) -> str:
    """(16, 8) → "16 × 8"."""
    return f"{resolution[0]} × {resolution[1]}"


def size(resolution: str) -> tuple[int, int]:
    """ "16 × 8" → (16, 8)."""
    height, width = resolution.split(" × ")
    return int(height), int(width)
