"""Tone curves: the grey levels of a gallery's pictures, corrected towards those of each infrared camera.

Guidance raises contrast, so that garments differ more in brightness than they do in infrared, and some pictures keep a
tint. For each camera, pictures of the external people are drawn, and the curve is taken that turns their grey levels
into those of the target's training images by that camera, rank by rank (histogram matching). All pictures of that
camera go through it. So only a camera's levels are learned, from images that DiVE is fitted to in any case.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt8

from vireid_lib.data.grey import grey
from vireid_lib.data.images import load_images
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.training import seeds

DRAWN = 100
"""Pictures that a curve is measured on, at least; see `each`."""

Curve = UInt8[np.ndarray, "256"]
Histogram = Int[np.ndarray, "256"]


def levels(table: pd.DataFrame, model: DiveModel, *, cache: Path | None) -> dict[str, list[int]]:
    """The histogram of each infrared camera's images in `table`, which DiVE is fitted to; the camera as the vocabulary
    names it. `cache` is for decoded images: those of the whole table, as `latents.encode` reads them."""
    pixels = load_images(table["path"].tolist(), (model.config.height, model.config.width), cache=cache)
    found: dict[str, Histogram] = {}
    for camera, modality, image in zip(camera_keys(table, model.vocabulary), table["modality"], pixels, strict=True):
        if modality == "infrared":  # one at a time, for those of a full-size camera fill a memory
            found[camera] = found.get(camera, 0) + histogram(image[None])
    return {camera: counts.tolist() for camera, counts in found.items()}


def histogram(pixels: UInt8[np.ndarray, "n height width 3"]) -> Histogram:
    """How many pixels have each grey level, of all images together."""
    return np.bincount(grey(pixels)[..., 0].ravel(), minlength=256)


def people(table: pd.DataFrame) -> list[str]:
    """Whose pictures curves are measured on: the external identities of what DiVE is fitted to, or all without any."""
    external = table[table["split"] == "external"]
    return sorted((external if len(external) else table)["identity"].unique())


def each(people: int) -> int:
    """Pictures of each of so many people that a curve is measured on: as many of each, `DRAWN` or more in all."""
    return -(-DRAWN // people)


def curve(model: DiveModel, camera: str, real: Sequence[int], identities: Sequence[str]) -> Curve:
    """The level that each grey level of a picture under `camera` is given; `real` is the camera's histogram. At least
    100 pictures are drawn for it, as many of each identity, with a gallery's settings and other noise."""
    config, shown = model.config, list(identities) * each(len(identities))
    numbers = [seeds.integer(config.seed, "tone", camera, place) for place in range(len(shown))]
    wanted = [Request(who, camera, number) for who, number in zip(shown, numbers, strict=True)]
    batches = range(0, len(wanted), config.sampling_batch)
    drawn = np.concatenate([sample(model, wanted[start : start + config.sampling_batch]) for start in batches])
    return matching(histogram(drawn), np.array(real))


def matching(drawn: Histogram, real: Histogram) -> Curve:
    """The curve that takes each level to the real one below which as large a share of the pixels lies. A level that was
    not drawn goes between its neighbours, and beyond them no further than real ones do."""
    below, aims = ((levels.cumsum() - levels / 2) / levels.sum() for levels in (drawn, real))
    least, most = np.flatnonzero(real)[[0, -1]]
    return np.interp(below, aims, np.arange(256)).round().clip(least, most).astype(np.uint8)


def corrected(pictures: Pictures, curves: Sequence[Curve]) -> Pictures:
    """The pictures in grey, each through its curve."""
    return np.stack([own[picture] for own, picture in zip(curves, grey(pictures), strict=True)])
