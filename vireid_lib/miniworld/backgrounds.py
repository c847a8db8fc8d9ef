"""Backgrounds: each place is a panorama painted once from its seed; a picture shows a stretch of it."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from vireid_lib.data.grey import LUMINANCE
from vireid_lib.miniworld.raster import Array

LENGTH = 4.0  # length of a panorama, in picture heights

_PAINT_HEIGHT = 256


class Canvas:
    """A panorama in the making: `pixels` [4, h, w] hold visible RGB and infrared brightness. x runs in 0..LENGTH, y in
    0..1 downwards; both count picture heights."""

    def __init__(self, rng: np.random.Generator):
        self.rng, self.h, self.w = rng, _PAINT_HEIGHT, int(_PAINT_HEIGHT * LENGTH)
        self.pixels = np.zeros((4, self.h, self.w), np.float32)
        self.y = ((np.arange(self.h) + 0.5) / self.h)[:, None]
        self.x = ((np.arange(self.w) + 0.5) / self.h)[None, :]

    def colour(self, rgb: tuple[float, float, float], spread: float = 0.05, infrared: float | None = None) -> Array:
        """A muted colour near `rgb` with an infrared brightness of its own."""
        shade = np.clip(np.array(rgb) + self.rng.normal(0, spread) + self.rng.normal(0, spread / 2, 3), 0.02, 0.97)
        if infrared is None:
            infrared = 0.6 * float(shade @ LUMINANCE) + 0.4 * self.rng.uniform(0.1, 0.8)
        return np.append(shade, infrared).astype(np.float32)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Array, alpha: float = 1.0) -> None:
        """Lay a colour [4] over a rectangle."""
        a, b, c, d = (int(round(v * self.h)) for v in (x0, x1, y0, y1))
        a, c = max(a, 0), max(c, 0)
        patch = self.pixels[:, c : max(d, c + 1), a : max(b, a + 1)]
        patch += alpha * (colour[:, None, None] - patch)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Array, alpha: float = 1.0) -> None:
        """Lay a colour [4] over an ellipse with radii `rx`, `ry` around (x, y)."""
        a, b = max(int((x - rx) * self.h) - 1, 0), int((x + rx) * self.h) + 2
        c, d = max(int((y - ry) * self.h) - 1, 0), int((y + ry) * self.h) + 2
        u, v = (self.x[:, a:b] - x) / rx, (self.y[c:d] - y) / ry
        mask = np.clip((1 - np.hypot(u, v)) * ry * self.h, 0, 1) * alpha
        patch = self.pixels[:, c:d, a:b]
        patch += mask * (colour[:, None, None] - patch)

    def every(self, low: float, high: float, first: float = 0.1) -> list[float]:
        """Positions along the panorama, with random gaps."""
        places, x = [], first * self.rng.uniform()
        while x < LENGTH:
            places.append(x)
            x += self.rng.uniform(low, high)
        return places


def _wall(c: Canvas, y1: float, colour: Array) -> None:
    c.rect(0, 0, LENGTH, y1, colour)
    c.pixels[:, : int(y1 * c.h)] *= (1.04 - 0.10 * c.y[: int(y1 * c.h)]).astype(np.float32)


def _floor(c: Canvas, y0: float, colour: Array, tile: float, joint: float) -> None:
    """Slabs in perspective: rows grow towards the viewer."""
    c.rect(0, y0, LENGTH, 1, colour)
    y, gap, row = y0, 0.028, 0
    while y < 1:
        for x in np.arange((row % 2) * tile / 2, LENGTH, tile):
            c.rect(x, y, x + tile, y + gap, colour * c.rng.uniform(0.95, 1.04), 0.8)
            if joint:
                c.rect(x, y, x + 0.006, y + gap, colour * (1 - joint), 0.7)
        if joint:
            c.rect(0, y, LENGTH, y + 0.006, colour * (1 - joint), 0.8)
        y, gap, row = y + gap, gap * 1.55, row + 1


def _bricks(c: Canvas, y1: float, colour: Array) -> None:
    c.rect(0, 0, LENGTH, y1, colour * 0.82)
    for row, y in enumerate(np.arange(0, y1, 0.035)):
        for x in np.arange(-0.045 * (row % 2), LENGTH, 0.09):
            c.rect(x + 0.004, y + 0.004, x + 0.09, min(y + 0.035, y1), colour * c.rng.uniform(0.92, 1.06))


def _window(c: Canvas, x: float, y0: float, y1: float, width: float, frame: Array, glass: Array) -> None:
    c.rect(x - 0.015, y0 - 0.015, x + width + 0.015, y1 + 0.02, frame)
    c.rect(x, y0, x + width, y1, glass)
    c.rect(x, y0, x + width, y0 + (y1 - y0) * 0.45, np.clip(glass * 1.18, 0, 1), 0.6)
    c.rect(x + width / 2 - 0.006, y0, x + width / 2 + 0.006, y1, frame)


def _door(c: Canvas, x: float, y0: float, y1: float, width: float, colour: Array) -> None:
    c.rect(x - 0.02, y0 - 0.02, x + width + 0.02, y1, colour * 0.7)
    c.rect(x, y0, x + width, y1, colour)
    for low, high in ((0.08, 0.42), (0.52, 0.92)):
        c.rect(x + 0.03, y0 + (y1 - y0) * low, x + width - 0.03, y0 + (y1 - y0) * high, colour * 0.88)
    c.ellipse(x + width - 0.025, (y0 + y1) / 2, 0.01, 0.01, colour * 0.35)


def _plant(c: Canvas, x: float, y: float, size: float) -> None:
    leaf = c.colour((0.20, 0.42, 0.20), 0.04, 0.68)
    for _ in range(14):
        right, up = c.rng.normal(0, size * 0.4), size * (0.7 + c.rng.uniform(0, 0.9))
        c.ellipse(x + right, y - up, size * 0.25, size * 0.2, leaf * c.rng.uniform(0.75, 1.2))
    c.rect(x - size * 0.3, y - size * 0.6, x + size * 0.3, y, c.colour((0.5, 0.33, 0.25)))


def _tree(c: Canvas, x: float, ground: float, size: float) -> None:
    trunk, leaf = c.colour((0.36, 0.27, 0.20), 0.03), c.colour((0.28, 0.46, 0.22), 0.05, 0.75)
    c.rect(x - size * 0.10, 0.1, x + size * 0.10, ground, trunk)
    c.rect(x - size * 0.10, 0.1, x - size * 0.03, ground, trunk * 0.8)
    for _ in range(40):
        right, y = c.rng.normal(0, size * 0.75), c.rng.uniform(-0.1, 0.24)
        c.ellipse(x + right, y, size * 0.30, size * 0.22, leaf * c.rng.uniform(0.72, 1.2), 0.9)


def _bushes(c: Canvas, low: float, high: float) -> None:
    leaf = c.colour((0.24, 0.40, 0.20), 0.04, 0.72)
    for x in np.arange(0, LENGTH, 0.03):
        y = c.rng.uniform(low, high)
        c.ellipse(x, y, c.rng.uniform(0.04, 0.07), c.rng.uniform(0.03, 0.06), leaf * c.rng.uniform(0.75, 1.15), 0.9)


def _hall(c: Canvas) -> None:
    ground, wall = c.rng.uniform(0.66, 0.72), c.colour((0.74, 0.69, 0.60))
    _wall(c, ground, wall)
    c.rect(0, ground - 0.26, LENGTH, ground, c.colour((0.55, 0.52, 0.46)), 0.75)
    c.rect(0, ground - 0.27, LENGTH, ground - 0.255, wall * 0.6)
    for x in c.every(0.75, 1.2, 0.4):
        if c.rng.uniform() < 0.6:
            _door(c, x, 0.12, ground, 0.30, c.colour((0.46, 0.34, 0.25), 0.07))
        else:
            c.rect(x, 0.14, x + 0.26, 0.36, c.colour((0.86, 0.86, 0.82)))
            c.rect(x + 0.03, 0.17, x + 0.23, 0.29, c.colour((0.40, 0.50, 0.58), 0.12))
    c.rect(0, ground - 0.02, LENGTH, ground, wall * 0.5)
    _floor(c, ground, c.colour((0.60, 0.57, 0.53)), 0.22, 0.10)


def _office(c: Canvas) -> None:
    ground, wall = c.rng.uniform(0.68, 0.74), c.colour((0.80, 0.82, 0.83), 0.03)
    _wall(c, ground, wall)
    for x in c.every(0.55, 0.9, 0.3):
        sill = ground - c.rng.choice([0.04, 0.22])
        _window(c, x, 0.08, sill, 0.40, c.colour((0.42, 0.44, 0.47), 0.04), c.colour((0.58, 0.68, 0.74), 0.06))
        if c.rng.uniform() < 0.5:
            _plant(c, x + 0.50, ground + 0.03, 0.08)
    c.rect(0, ground - 0.02, LENGTH, ground, wall * 0.55)
    _floor(c, ground, c.colour((0.42, 0.45, 0.50), 0.04), 0.3, 0.05)


def _street(c: Canvas) -> None:
    ground = c.rng.uniform(0.62, 0.68)
    _bricks(c, ground, c.colour((0.58, 0.44, 0.38), 0.05))
    for x in c.every(0.7, 1.1, 0.3):
        if c.rng.uniform() < 0.65:
            _window(c, x, 0.10, 0.42, 0.34, c.colour((0.82, 0.80, 0.76), 0.06), c.colour((0.34, 0.40, 0.46), 0.05))
        else:
            _door(c, x, 0.14, ground, 0.28, c.colour((0.30, 0.40, 0.38), 0.1))
    c.rect(0, ground - 0.05, LENGTH, ground, c.colour((0.50, 0.49, 0.47)))
    _floor(c, ground, c.colour((0.62, 0.61, 0.59), 0.04), 0.26, 0.14)
    for x in c.every(1.2, 1.9, 0.8):
        c.rect(x, 0, x + 0.028, ground + 0.03, c.colour((0.25, 0.27, 0.28), 0.02))


def _park(c: Canvas) -> None:
    ground = c.rng.uniform(0.60, 0.66)
    c.rect(0, 0, LENGTH, ground, c.colour((0.72, 0.80, 0.86), 0.04, 0.35))
    _bushes(c, 0.12, 0.34)
    c.rect(0, 0.32, LENGTH, ground, c.colour((0.30, 0.42, 0.24), 0.04, 0.62))
    _bushes(c, 0.34, 0.50)
    for x in c.every(0.7, 1.1, 0.6):
        _tree(c, x, ground + 0.02, c.rng.uniform(0.22, 0.32))
    c.rect(0, ground - 0.07, LENGTH, ground + 0.06, c.colour((0.44, 0.56, 0.28), 0.04, 0.66))
    _floor(c, ground + 0.05, c.colour((0.70, 0.65, 0.55), 0.04), 0.5, 0.0)


def _yard(c: Canvas) -> None:
    ground = c.rng.uniform(0.64, 0.70)
    _wall(c, ground, c.colour((0.60, 0.60, 0.58), 0.05))
    for x in c.every(0.8, 1.2, 0.3):
        door = c.colour((0.45, 0.52, 0.56), 0.1)
        c.rect(x, 0.12, x + 0.6, ground, door)
        for y in np.arange(0.14, ground, 0.05):
            c.rect(x, y, x + 0.6, y + 0.012, door * 0.78)
        if c.rng.uniform() < 0.5:
            _plant(c, x + 0.7, ground + 0.02, 0.11)
    _floor(c, ground, c.colour((0.40, 0.40, 0.41), 0.04), 0.8, 0.03)


def _market(c: Canvas) -> None:
    ground = c.rng.uniform(0.64, 0.70)
    _wall(c, ground, c.colour((0.66, 0.64, 0.58)))
    for x in c.every(0.8, 1.1, 0.3):
        awning, light = c.colour((0.62, 0.32, 0.28), 0.15), c.colour((0.88, 0.86, 0.80), 0.03)
        c.rect(x, 0.26, x + 0.62, ground - 0.14, c.colour((0.34, 0.32, 0.30), 0.04))
        for k in range(8):
            c.rect(x - 0.04 + 0.0875 * k, 0.12, x - 0.04 + 0.0875 * (k + 1), 0.26, awning if k % 2 else light)
        c.rect(x, ground - 0.16, x + 0.62, ground + 0.02, c.colour((0.52, 0.42, 0.30), 0.05))
        for k in range(9):
            c.ellipse(x + 0.05 + 0.065 * k, ground - 0.17, 0.035, 0.03, c.colour((0.60, 0.48, 0.24), 0.14))
    _floor(c, ground, c.colour((0.60, 0.57, 0.53), 0.04), 0.2, 0.10)


STYLES: dict[str, Callable[[Canvas], None]] = {"hall": _hall, "office": _office, "street": _street}
STYLES |= {"park": _park, "yard": _yard, "market": _market}


@lru_cache(maxsize=512)
def panorama(place: int, style: str, height: int, infrared: bool) -> Array:
    """The scenery of a place, [3 or 1, height, LENGTH * height], values 0..1."""
    canvas = Canvas(np.random.default_rng([place, 7]))
    STYLES[style](canvas)
    grain = np.random.default_rng([place, 8]).normal(0, 1, (canvas.h // 8, canvas.w // 8)).astype(np.float32)
    canvas.pixels *= 1 + 0.025 * _resize(grain[None], canvas.h, canvas.w)
    pixels = _resize(canvas.pixels, height, int(height * LENGTH))
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
