"""Patterns of cloth and other surface paints: masks as functions of where on the body a pixel lies."""

from collections.abc import Callable

import numpy as np

from vireid_lib.miniworld.raster import Array, Surface


def step(value: Array, pixel: Array) -> Array:
    """1 where value > 0, 0 where value < 0, a ramp one pixel wide between (`pixel` in the units of value)."""
    return np.clip(value / pixel + 0.5, 0, 1)


def _waves(value: Array, pixel: Array) -> Array:
    """Square wave of period 1 with smoothed edges."""
    return step(0.25 - np.abs(value - np.floor(value) - 0.5), pixel)


def _arc(surface: Surface) -> Array:
    """Distance around the body from its front, in units of its length (about as far as `along` counts)."""
    return np.arctan2(surface.side, surface.front) * 0.33


def _rows(surface: Surface, scale: Array) -> Array:
    return _waves(surface.along * scale, surface.pixel * scale)


def _columns(surface: Surface, scale: Array) -> Array:
    return _waves(_arc(surface) * scale + 0.25, surface.pixel_across * scale * 0.33)


def _dots(surface: Surface, scale: Array) -> Array:
    row = surface.along * scale * 1.1
    column = _arc(surface) * scale * 1.1 + 0.5 * (np.floor(row) % 2)
    distance = np.hypot(row - np.floor(row) - 0.5, column - np.floor(column) - 0.5)
    return step(0.30 - distance, surface.pixel * scale * 1.1)


def _print(surface: Surface, scale: Array) -> Array:
    """A large figure on the chest: disc, square or diamond, and a number-like bar on the back."""
    u, v = surface.side, (surface.along - 0.36) * 2.3
    kind = np.floor(scale * 7.3) % 3
    disc = np.hypot(u, v) - 0.52
    square = np.maximum(np.abs(u), np.abs(v)) - 0.46
    diamond = np.abs(u) + np.abs(v) - 0.68
    figure = np.where(kind == 0, disc, np.where(kind == 1, square, diamond))
    back = np.maximum(np.abs(u) - 0.5, np.abs(v + 0.1) - 0.22)
    return step(-np.where(surface.front > 0, figure, back), surface.pixel_across * 1.3)


PATTERNS: dict[str, Callable[[Surface, Array, Array], Array]] = {
    "striped": lambda surface, scale, side: _rows(surface, scale),
    "vertically striped": lambda surface, scale, side: _columns(surface, scale),
    "checked": lambda surface, scale, side: (_rows(surface, scale) + _columns(surface, scale)) * 0.5,
    "dotted": lambda surface, scale, side: _dots(surface, scale),
    "two-tone": lambda surface, scale, side: step(surface.along - 0.30 - 0.035 * scale, surface.pixel),
    "banded": lambda surface, scale, side: step(0.02 * scale + 0.06 - np.abs(surface.along - 0.38), surface.pixel),
    "printed": lambda surface, scale, side: _print(surface, scale),
    "side-striped": lambda surface, scale, side: step(surface.side * side - 0.62, surface.pixel_across),  # outer seam
}
"""The mask of each pattern, of a garment's `scale` and of a limb's outer `side` (+1 or -1), both [n, 1, 1]."""

ON_LIMBS = ("striped", "vertically striped", "checked", "dotted")
"""Patterns of an upper garment that run on over sleeves and skirts."""


def pattern_paint(
    surface: Surface, names: list[str], scale: Array, side: Array, second: Array, start: Array, stop: Array
) -> tuple[Array, Array]:
    """The pattern of each image's garment, laid on a part that spans start..stop [n] of the garment's length.

    `side` [n] is the outer side of a limb, `second` [n, channels] the colour of the pattern.
    """
    mask = np.zeros_like(surface.across)
    for name in set(names) - {"plain"}:
        rows = np.array([i for i, other in enumerate(names) if other == name])
        part = surface.pick(rows)
        span = (stop - start)[rows, None, None]
        part.along = part.along * span + start[rows, None, None]
        part.pixel = part.pixel * np.abs(span)
        mask[rows] = PATTERNS[name](part, scale[rows, None, None], side[rows, None, None])
    return mask, second


def band(surface: Surface, low: Array, high: Array, over: Array | float) -> tuple[Array, Array | float]:
    """Paint (or darken by a factor) the stretch low..high [n] of the part's axis."""
    mask = step(surface.along - low[:, None, None], surface.pixel)
    mask *= step(high[:, None, None] - surface.along, surface.pixel)
    return mask, over


def front_line(surface: Surface, half_width: Array, darkness: float) -> tuple[Array, float]:
    """A vertical line down the front (zip, buttons, open coat); none where `half_width` [n] is 0."""
    width = half_width[:, None, None]
    mask = step(width - np.abs(surface.side), surface.pixel_across) * (surface.front > 0) * (width > 0)
    return mask, darkness


def disc(
    surface: Surface, side: Array, along: Array, radius_side: Array, radius_along: Array, over: Array | float
) -> tuple[Array, Array | float]:
    """An ellipse on the front at (side, along) [n] with radii [n]; none where a radius is 0."""
    u = (surface.side - side[:, None, None]) / np.maximum(radius_side, 1e-3)[:, None, None]
    v = (surface.along - along[:, None, None]) / np.maximum(radius_along, 1e-3)[:, None, None]
    pixel = surface.pixel / np.maximum(radius_along, 1e-3)[:, None, None]
    mask = step(1 - np.hypot(u, v), np.minimum(pixel, 2)) * (radius_side > 0)[:, None, None]
    return mask * (surface.front > 0), over
