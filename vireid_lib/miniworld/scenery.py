"""Backgrounds: each place is a panorama painted once from its seed; a picture shows a stretch of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vireid_lib.miniworld.places import STYLES
from vireid_lib.miniworld.raster import Array
from vireid_lib.miniworld.scene import LENGTH, Scene

__all__ = ["LENGTH", "STYLES", "panorama"]


@lru_cache(maxsize=512)
def panorama(place: int, style: str, height: int, infrared: bool) -> Array:
    """The scenery of a place, [3 or 1, height, LENGTH * height], values 0..1."""
    if style not in STYLES:
        raise ValueError(f"no scenery style {style!r}; the styles are {', '.join(STYLES)}")
    canvas = Scene(np.random.default_rng([place, 7]))
    STYLES[style](canvas)
    pixels = canvas.pixels
    grain = np.random.default_rng([place, 8]).normal(0, 1, (canvas.h // 8, canvas.w // 8)).astype(np.float32)
    pixels *= 1 + 0.025 * _resize(grain[None], canvas.h, canvas.w)
    pixels = _resize(pixels, height, int(height * LENGTH))
    # The kept copy is small: half floats lose nothing that eight bits would show.
    return np.clip(pixels[3:] if infrared else pixels[:3], 0, 1).astype(np.float16)


def _resize(pixels: Array, height: int, width: int) -> Array:
    """Area-average (shrinking) or linear (growing) resize of [c, h, w] along both axes."""
    for axis, size in ((1, height), (2, width)):
        old = pixels.shape[axis]
        centres = (np.arange(size) + 0.5) * old / size - 0.5
        reach = max(old / size, 1.0)
        weights = np.maximum(0, 1 - np.abs(np.arange(old)[None, :] - centres[:, None]) / reach).astype(np.float32)
        weights /= weights.sum(1, keepdims=True)
        pixels = np.moveaxis(np.tensordot(pixels, weights, axes=([axis], [1])), -1, axis)
    return pixels
