"""Draws batches of shaded solids of revolution with analytic coverage: the only primitive of the renderer.

A `Lathe` is a limb, a torso, a skirt, a head: an axis on the picture, a half-width that varies smoothly along
it (a cubic), rounded ends. In orthographic projection its surface normal and the point of the body that a
pixel shows follow in closed form: patterns turn with the body without a mesh, edges need no supersampling.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Turns a cubic's values at four equidistant knots (t = 0, 1/3, 2/3, 1) into coefficients of 1, t, t², t³.
_CUBIC = np.linalg.inv(np.vander(np.array([0, 1 / 3, 2 / 3, 1]), 4, increasing=True)).T.astype(np.float32)


@dataclass
class Surface:
    """What the pixels of a window show: `across` (-1..1 over the silhouette), `facing` (the normal's part
    towards the camera), `along` (0 at the top end, 1 at the bottom), each [n, h, w]; `pixel` is one pixel in
    units of `along` and `pixel_across` in units of `across`, each [n, 1, 1]."""

    across: Array
    facing: Array
    along: Array
    pixel: Array
    pixel_across: Array
    turn: Array

    @cached_property
    def side(self) -> Array:
        """The body's left-right coordinate of the surface point, -1..1."""
        return self.across * self.turn[:, 0, None, None] - self.facing * self.turn[:, 1, None, None]

    @cached_property
    def front(self) -> Array:
        """The body's back-front coordinate of the surface point, -1..1."""
        return self.facing * self.turn[:, 0, None, None] + self.across * self.turn[:, 1, None, None]

    def pick(self, rows: NDArray[np.int64]) -> "Surface":
        return Surface(*(getattr(self, each.name)[rows] for each in fields(self)))


Paint = Callable[..., tuple[Array, Array | float]]
"""Of a surface and more about each picture: a mask [n, h, w] in 0..1 and what to lay where it is 1: a colour
[n, channels], or a factor that darkens the colour that is there."""


@dataclass
class Lathe:
    """A batch of solids, one for each picture in `rows`; all lengths in pixels, y grows downwards.

    `top`, `bottom` [n, 2]: ends of the axis (x, y). `widths` [n, 4]: half-widths at 0, 1/3, 2/3, 1 of it.
    `caps` [n, 2]: how far the rounded ends reach. `colour` [n, channels]. `turn` [n, 2]: cosine and sine of
    the body's yaw. `droop` [n]: how far rings sag towards the camera that looks from above. `light` [n, 3]:
    direction of the light (right, down, towards the camera) times its strength; `ambient` [n]. `paints`: each a `Paint`
    and its arguments after the surface.
    """

    rows: NDArray[np.int64]
    top: Array
    bottom: Array
    widths: Array
    caps: Array
    colour: Array
    turn: Array
    droop: Array
    light: Array
    ambient: Array
    paints: Sequence[tuple] = ()


def _windows(lathe: Lathe, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Left and upper edge of each solid's window on a picture of `size` (width, height), and the windows' one size."""
    reach = (np.maximum(lathe.widths.max(1), lathe.caps.max(1)) + 1.5)[:, None]
    low = np.maximum(np.floor(np.minimum(lathe.top, lathe.bottom) - reach).astype(np.int64), 0)
    high = np.minimum(np.ceil(np.maximum(lathe.top, lathe.bottom) + reach).astype(np.int64), size)
    window = np.clip((high - low).max(0), 1, size)
    x0, y0 = np.clip(low, 0, size - window).T
    return x0, y0, *window.tolist()


def draw(canvas: Array, lathe: Lathe) -> None:
    """Paint the solids over the canvas [N, channels, height, width], in place."""
    if len(lathe.rows) == 0:
        return
    x0, y0, w, h = _windows(lathe, canvas.shape[:1:-1])
    axis = lathe.bottom - lathe.top
    length = np.maximum(np.hypot(axis[:, 0], axis[:, 1]), 0.5).astype(np.float32)
    ux, uy = axis[:, 0] / length, axis[:, 1] / length
    short = np.hypot(axis[:, 0], axis[:, 1]) < 0.5
    ux, uy = np.where(short, 0, ux).astype(np.float32), np.where(short, 1, uy).astype(np.float32)
    x = (x0[:, None] + np.arange(w) + 0.5 - lathe.top[:, :1]).astype(np.float32)
    y = (y0[:, None] + np.arange(h) + 0.5 - lathe.top[:, 1:]).astype(np.float32)

    down = (x * ux[:, None])[:, None, :] + (y * uy[:, None])[:, :, None]
    sideways = (x * uy[:, None])[:, None, :] - (y * ux[:, None])[:, :, None]
    along = down / length[:, None, None]
    t = np.clip(along, 0, 1)
    # Not a matrix product: its rounding depends on the batch, and a picture must not.
    coefficients = (lathe.widths[:, :, None] * _CUBIC).sum(1)[:, :, None, None]
    half = coefficients[:, 3] * t
    for power in (2, 1):
        half += coefficients[:, power]
        half *= t
    half += coefficients[:, 0]
    # Rounded ends: beyond the axis the silhouette shrinks like an ellipse.
    caps = np.maximum(lathe.caps, 0.6).astype(np.float32)[:, :, None, None]
    beyond = np.maximum(down * (-1 / caps[:, 0]), (down - length[:, None, None]) * (1 / caps[:, 1]))
    np.clip(beyond, 0, 1, out=beyond)
    beyond *= beyond
    half *= np.sqrt(1 - beyond)
    coverage = np.clip(half - np.abs(sideways) + 0.5, 0, 1)
    coverage *= np.minimum(half * 2, 1)
    np.maximum(half, 1e-3, out=half)
    across = np.clip(sideways / half, -1, 1)
    facing = np.sqrt(1 - across * across)
    if lathe.droop.any():
        along = along - facing * (lathe.droop / length)[:, None, None]
    middle = np.maximum(lathe.widths[:, 1], 1).astype(np.float32)
    surface = Surface(across, facing, along, (1 / length)[:, None, None], (1 / middle)[:, None, None], lathe.turn)

    channels = canvas.shape[1]
    colour = np.empty((len(x0), channels, h, w), np.float32)
    colour[:] = lathe.colour[:, :, None, None]
    for paint, *about in lathe.paints:
        mask, over = paint(surface, *about)
        if isinstance(over, float):
            colour *= (1 + mask * np.float32(over - 1))[:, None]
            continue
        for c in range(channels):
            colour[:, c] += mask * (over[:, c, None, None] - colour[:, c])
    sway = (lathe.light[:, 0] * uy - lathe.light[:, 1] * ux).astype(np.float32)
    shade = across * sway[:, None, None]
    shade += facing * lathe.light[:, 2, None, None]
    np.maximum(shade, 0, out=shade)
    shade += lathe.ambient[:, None, None]
    colour *= shade[:, None]
    for i, row in enumerate(lathe.rows):
        patch = canvas[row, :, y0[i] : y0[i] + h, x0[i] : x0[i] + w]
        patch += coverage[i] * (colour[i] - patch)
