"""The names of training sets: what each adds to the real images, and what it is called in tables and figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vireid_lib.data.tables import MODALITIES, OTHER, camera_modalities

KINDS = ("tse", "cmg")


@dataclass(frozen=True)
class Expansion:
    """More images of the training identities themselves (Flow2Flow, section III).

    Training set "flow2flow.tse" is the real images and as many again that the generator makes by blending two images of
    an identity (training sample expansion); "flow2flow.cmg" is the real images and each of them in the other modality
    (cross-modality generation); "flow2flow.tse.cmg" is both. "flow2flow.tse.visible.50" makes visible images alone, 50
    for each hundred real ones.
    """

    generator: str
    kinds: tuple[str, ...]
    modalities: tuple[str, ...] = MODALITIES
    percent: int = 100


def expansion_of(name: str) -> Expansion | None:
    """What training set `name` adds, None if it is not of this kind. Raises ValueError for a word that has no meaning
    in it."""
    generator, *words = name.split(".")
    if not words:
        return None
    kinds = tuple(word for word in words if word in KINDS)
    modalities = tuple(word for word in words if word in MODALITIES) or MODALITIES
    numbers = [int(word) for word in words if word.isdecimal()]
    unknown = [word for word in words if word not in (*KINDS, *MODALITIES) and not word.isdecimal()]
    if unknown or not kinds or len(numbers) > 1 or 0 in numbers:
        form = "write tse, cmg or both, then visible or infrared if only such images are to be made, then for tse a "
        form += "percentage of the real images' number, between dots"
        raise ValueError(f"training set {name!r}: after the generator's name, {form}.")
    return Expansion(generator, kinds, modalities, *numbers)


def blends(real: pd.DataFrame, expansion: Expansion) -> Iterator[tuple[dict[str, Any], int]]:
    """TSE, by modality: what `Generator.expand` is asked for, as many images of every identity under each camera, and
    how many of these `trimmed` is to keep, which is exact. The pairs that are blended are the same for every
    generator."""
    identities = sorted(real["identity"].unique())
    for modality in expansion.modalities:
        total, cameras = expanded_by(real, modality, expansion.percent), cameras_of(real, modality)
        each = -(-total // (len(identities) * len(cameras)))
        yield {"identities": identities, "cameras": cameras, "per_camera": each}, total


def expanded_by(real: pd.DataFrame, modality: str, percent: int) -> int:
    """How many images of a modality TSE adds to the real ones."""
    return max(1, round(percent / 100 * int((real["modality"] == modality).sum())))


def trimmed(made: pd.DataFrame, total: int) -> pd.DataFrame:
    """`total` rows of a gallery, or all of fewer: the first of every identity and camera, then the second, and so on;
    of the last round, those at equal distances."""
    if len(made) <= total:
        return made
    number = made.groupby(["identity", "camera"]).cumcount().to_numpy()
    order = np.argsort(number, kind="stable")
    last = number[order[total]]
    before = order[number[order] < last]
    of_last = order[number[order] == last]
    chosen = of_last[np.linspace(0, len(of_last), total - len(before), endpoint=False).astype(int)]
    return made.iloc[np.sort(np.concatenate((before, chosen)))].reset_index(drop=True)


def translations(real: pd.DataFrame, expansion: Expansion) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    """CMG: each real image once in the other modality, under that modality's cameras in turn: rows and cameras."""
    for modality in expansion.modalities:
        yield real[real["modality"] == OTHER[modality]], cameras_of(real, modality)


def cameras_of(rows: pd.DataFrame, modality: str) -> list[str]:
    """The cameras of a modality, by the names of `tables.camera_keys`."""
    return [name for name, records in camera_modalities(rows).items() if records == modality]


def adds_external(name: str) -> bool:
    """Whether a training set has external identities: neither the real images alone, nor more images of the training
    identities."""
    return name != "real" and expansion_of(name) is None


LABELS = {
    "real": "real images only",
    "grayscale": "greyscale copies",
    "interpolation": "image interpolation",
    "cyclegan": "CycleGAN",
    "flow2flow": "Flow2Flow",
    "stargan": "StarGAN",
    "aligngan": "AlignGAN",
    "vae": "VAE",
    "vi_diff": "VI-Diff",
    "cyclegan_turbo": "CycleGAN-Turbo",
    "jsia": "JSIA-ReID",
    "dive": "DiVE",
    "resampled_ir": "re-drawn infrared",
    "oracle_ir": "true infrared",
}
"""What generators are called in tables and figures."""


def plain_label(name: str) -> str:
    """The generator of a training set in words, the same in every table and figure. A profile's variant whose name
    begins with its generator's is called by both: "dive_from_image" is "DiVE from image"."""
    base = max((each for each in LABELS if f"{name}_".startswith(f"{each}_")), key=len, default=None)
    return name if base is None else f"{LABELS[base]} {name.removeprefix(base).replace('_', ' ').strip()}".strip()


def training_label(name: str) -> str:
    """A training set in words: "+" adds an external, visible set and, as its infrared, what is named."""
    return plain_label(name) if name == "real" else f"+ {plain_label(name)}"
