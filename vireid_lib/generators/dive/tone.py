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
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.generators.galleries import Pictures
from vireid_lib.training import seeds

DRAWN = 100
"""Pictures that a curve is measured on, at least."""

Curve = UInt8[np.ndarray, "256"]
Histogram = Int[np.ndarray, "256"]


def levels(table: pd.DataFrame, model: DiveModel, *, cache: Path | None) -> dict[str, list[int]]:
    """The histogram of each infrared camera's images in `table`, which DiVE is fitted to; the camera as the vocabulary
    names it."""
    rows = table[table["modality"] == "infrared"].reset_index(drop=True)
    size, found = (model.config.height, model.config.width), {}
    for camera, own in rows.groupby(pd.Series(camera_keys(rows, model.vocabulary))):
        found[camera] = histogram(load_images(own["path"].tolist(), size, cache=cache)).tolist()
    return found


def histogram(pixels: UInt8[np.ndarray, "n height width 3"]) -> Histogram:
    """How many pixels have each grey level, of all images together."""
    return np.bincount(grey(pixels)[..., 0].ravel(), minlength=256)


def curve(model: DiveModel, camera: str, real: Sequence[int], identities: Sequence[str]) -> Curve:
    """The level that each grey level of a picture under `camera` is given; `real` is the camera's histogram. At least
    100 pictures are drawn for it, as many of each identity, with a gallery's settings and other noise."""
    config, each = model.config, -(-DRAWN // len(identities))
    numbers = [seeds.integer(config.seed, "tone", camera, place) for place in range(each * len(identities))]
    wanted = [Request(who, camera, number) for who, number in zip(list(identities) * each, numbers, strict=True)]
    batches = range(0, len(wanted), config.sampling_batch)
    drawn = np.concatenate([sample(model, wanted[start : start + config.sampling_batch]) for start in batches])
    return matching(histogram(drawn), np.array(real))


def matching(drawn: Histogram, real: Histogram) -> Curve:
    """The curve that takes each level to the real one below which as large a share of the pixels lies."""
    below, aims = ((levels.cumsum() - levels / 2) / levels.sum() for levels in (drawn, real))
    return np.interp(below, aims, np.arange(256)).round().astype(np.uint8)


def corrected(pictures: Pictures, curves: Sequence[Curve]) -> Pictures:
    """The pictures in grey, each through its curve."""
    return np.stack([own[picture] for own, picture in zip(curves, grey(pictures), strict=True)])
