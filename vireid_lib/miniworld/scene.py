"""The canvas that backgrounds are painted on."""

from __future__ import annotations

import numpy as np

from vireid_lib.miniworld.raster import Array

LENGTH = 4.0
"""Length of a panorama, in picture heights."""

_PAINT_HEIGHT = 256


class Scene:
    """A panorama in the making: `pixels` [4, h, w] hold visible RGB and infrared brightness.

    x runs in 0..LENGTH, y in 0..1 downwards; both count picture heights.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.h, self.w = _PAINT_HEIGHT, int(_PAINT_HEIGHT * LENGTH)
        self.pixels = np.zeros((4, self.h, self.w), np.float32)
        self.y = ((np.arange(self.h) + 0.5) / self.h)[:, None]
        self.x = ((np.arange(self.w) + 0.5) / self.h)[None, :]

    def colour(self, rgb: tuple[float, float, float], spread: float = 0.05, infrared: float | None = None) -> Array:
        """A muted colour near `rgb` with an infrared brightness of its own."""
        shade = np.clip(np.array(rgb) + self.rng.normal(0, spread) + self.rng.normal(0, spread / 2, 3), 0.02, 0.97)
        if infrared is None:
            infrared = 0.6 * float(shade @ (0.299, 0.587, 0.114)) + 0.4 * self.rng.uniform(0.1, 0.8)
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
