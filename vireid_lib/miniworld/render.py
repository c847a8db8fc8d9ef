"""Renders people: batched pictures of miniature persons in visible light or near infrared."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8
from threadpoolctl import threadpool_limits

from vireid_lib.miniworld.backgrounds import LENGTH, panorama
from vireid_lib.miniworld.body import arms, bags, legs, skirts, torso
from vireid_lib.miniworld.cameras import View
from vireid_lib.miniworld.figure import Figure, numbers
from vireid_lib.miniworld.head import hats, head, long_hair
from vireid_lib.miniworld.people import Person
from vireid_lib.miniworld.raster import Array, Lathe, draw

_CHUNK = 32  # pictures at a time: windows of one part then stay in the processor's cache
# The last digits of a matrix product depend on how many threads share it, and with them a grey level here and there:
# they are always two, as when the published numbers were measured.
_steady = threadpool_limits.wrap(limits=2, user_api="blas")


@_steady
def render(
    people: Sequence[Person], views: Sequence[View], *, height: int = 128, width: int = 64, modality: str
) -> UInt8[np.ndarray, "n height width 3"]:
    """Draw people[i] as views[i] sees them, in colour ("visible") or in three equal channels ("infrared"); people are
    sized by the height. Raises ValueError: an unknown modality."""
    if modality not in ("visible", "infrared"):
        raise ValueError(f"render: modality {modality!r} is neither 'visible' nor 'infrared'")
    pictures = np.empty((len(people), height, width, 3), np.uint8)
    for start in range(0, len(people), _CHUNK):
        part = slice(start, start + _CHUNK)
        pictures[part] = _chunk(people[part], views[part], height, width, modality)
    return pictures


def _chunk(people: Sequence[Person], views: Sequence[View], height: int, width: int, modality: str) -> Array:
    figure = Figure(people, views, height, width, modality)
    canvas = np.empty((len(people), 3 if modality == "visible" else 1, height, width), np.float32)
    for i, view in enumerate(views):
        scene = panorama(view.camera.place, view.camera.style, height, modality == "infrared")
        left = int(view.backdrop * (int(LENGTH * height) - width))
        canvas[i] = scene[:, :, max(left, 0) : max(left, 0) + width]
    if modality == "infrared":
        canvas *= 0.72  # the lamp's light falls off with distance
    _shadow(canvas, figure)
    for solid in _solids(figure):
        draw(canvas, solid)
    return _photograph(canvas, views)


def _solids(figure: Figure) -> Iterator[Lathe]:
    """Every part of the figures, from back to front."""
    yield from (*bags(figure, front=False), *long_hair(figure, behind=True), *arms(figure, behind=True))
    yield from (*legs(figure), *skirts(figure), *torso(figure), *arms(figure, behind=False), *bags(figure, front=True))
    yield from (*head(figure), *long_hair(figure, behind=False), *hats(figure))


@_steady
def silhouettes(
    people: Sequence[Person], views: Sequence[View], *, height: int = 128, width: int = 64
) -> Float32[np.ndarray, "n height width"]:
    """How much of each pixel the person covers, 0..1: bags and hats are the person, the shadow is not. A solid lets
    the canvas through where it does not cover it, so drawing the figure before black and before white shows the
    coverage."""
    masks = np.empty((len(people), height, width), np.float32)
    for start in range(0, len(people), _CHUNK):
        part = slice(start, start + _CHUNK)
        figure = Figure(people[part], views[part], height, width, "infrared")
        black, white = (np.full((figure.n, 1, height, width), shade, np.float32) for shade in (0, 1))
        for solid in _solids(figure):
            draw(black, solid)
            draw(white, solid)
        masks[part] = np.clip(1 - (white - black), 0, 1)[:, 0]
    return masks


def _shadow(canvas: Array, figure: Figure) -> None:
    """A soft pool of shadow around the feet."""
    height, width = canvas.shape[2:]
    feet = figure.pose.project(figure.at(0, 0.01, 0))
    scale = figure.scale
    x = (np.arange(width) + 0.5 - feet[:, :1] + scale[:, None] * figure.light[:, :1] * 0.10) / (0.17 * scale[:, None])
    y = (np.arange(height) + 0.5 - feet[:, 1:]) / (0.035 * scale[:, None])
    strength = 0.5 if canvas.shape[1] == 3 else 0.3
    pool = np.exp(-(y * y))[:, :, None] * np.exp(-(x * x))[:, None, :]
    canvas *= (1 - strength * pool)[:, None]


def _photograph(canvas: Array, views: Sequence[View]) -> Array:
    """What lens and sensor make of the light: vignette, colour cast, exposure, contrast, blur, noise."""
    n, channels, height, width = canvas.shape

    cameras = [view.camera for view in views]
    infrared = channels == 1
    x = (np.arange(width) + 0.5) / height - 0.5 * width / height
    y = (np.arange(height) + 0.5) / height - 0.45
    if infrared:  # the lamp's spot wanders with the person's place in the scene
        x = x - 0.12 * numbers("light_shift", views)[:, None]
    x = np.broadcast_to(x, (n, width))
    fall = 1 - numbers("vignette", cameras)[:, None, None] * ((x * x)[:, None, :] * 2.2 + (y * y)[None, :, None] * 1.6)
    gain = numbers("exposure", cameras) * numbers("light", views)
    cast = 1.0 if infrared else numbers("cast", cameras)
    canvas *= (np.maximum(fall, 0.1) * gain[:, None, None])[:, None].astype(np.float32)
    canvas *= np.reshape(cast, (-1, channels, 1, 1)).astype(np.float32)
    canvas -= 0.45
    canvas *= numbers("contrast", cameras)[:, None, None, None]
    canvas += 0.45
    # Highlights roll off instead of clipping hard.
    np.minimum(canvas, 0.8 + 0.35 * np.tanh((canvas - 0.8) / 0.35), out=canvas, where=canvas > 0.8)
    canvas = _blur(canvas, numbers("blur", cameras) * height / 128)
    noise = _noise_bank(height, width)
    for i, view in enumerate(views):
        if view.camera.noise > 0:
            key = view.noise_seed
            for c in range(channels):
                dy, dx = (key >> (7 * c)) % height, (key >> (5 * c + 3)) % width
                grain = noise[dy : dy + height, dx : dx + width]
                canvas[i, c] += view.camera.noise * (grain if (key >> c) & 1 else -grain)
    canvas *= 255
    canvas += 0.5
    pictures = np.clip(canvas, 0, 255).astype(np.uint8)
    return np.repeat(pictures.transpose(0, 2, 3, 1), 3, axis=3) if infrared else pictures.transpose(0, 2, 3, 1)


def _blur(canvas: Array, sigma: Array) -> Array:
    """Gaussian blur of each picture [n, c, h, w] with its own sigma [n] in pixels (five taps)."""
    one = np.exp(-0.5 / np.maximum(sigma, 0.05) ** 2)
    two = one**4
    total = 1 + 2 * one + 2 * two
    w0, w1, w2 = ((value / total).astype(np.float32)[:, None, None, None] for value in (np.ones_like(one), one, two))
    for axis in (2, 3):
        pads = [(0, 0)] * 4
        pads[axis] = (2, 2)
        wide = np.pad(canvas, pads, mode="edge")
        size = canvas.shape[axis]
        taps = [wide[:, :, k : k + size] if axis == 2 else wide[..., k : k + size] for k in range(5)]
        canvas = w0 * taps[2]
        canvas += w1 * (taps[1] + taps[3])
        canvas += w2 * (taps[0] + taps[4])
    return canvas


@lru_cache(maxsize=8)
def _noise_bank(height: int, width: int) -> Array:
    """Slightly correlated noise of unit deviation, twice a picture's size; pictures cut windows of it."""
    noise = np.random.default_rng(20).standard_normal((1, 1, 2 * height, 2 * width)).astype(np.float32)
    noise = _blur(noise, np.array([0.55], np.float32))[0, 0]
    return noise / noise.std()
