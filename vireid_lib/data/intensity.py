"""Deep images, of 16 bits or floating point: which of their values are black and white, one range for a data set.

Thermal cameras count in 14 bits and fill a few hundred of the counts. Scaled by what the file could hold, such a set
has three grey levels; scaled image by image, a person's warmth would depend on what stands beside them. So all images
of a set's modality share one range: the manifest's `intensity`, or percentiles over the set.
"""

import functools
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from PIL import Image

from vireid_lib.data.contents import kept_until_changed

PERCENTILES = (0.5, 99.5)
IMAGES, PIXELS = 1000, 4096  # at most so many images, and so many pixels of each, are looked at for percentiles
SUFFIXES = (".png", ".tif", ".tiff")  # formats that hold more than eight bits

Limits = tuple[float, float]

_SCALES: dict[str, tuple[tuple[str, ...], Limits | None]] = {}
"""Of a folder: all whose deep images share its range, and the range if it is stated."""

_MEASURING = threading.Lock()


def declare(root: str | Path, paths: Mapping[str, Iterable[str]], stated: Sequence[float] | None = None) -> None:
    """Say which images below `root` share a range: from now on `limits` knows it, in this process.

    Args:
        paths: {modality: absolute paths of images}; a modality's set is all that lies in the top folders of these.
        stated: the values shown as black and white; None measures them.
    """
    for of_modality in paths.values():
        tops = {os.path.join(root, os.path.relpath(path, root).split(os.sep)[0]) for path in of_modality}
        restore([([folder for folder in tops if os.path.isdir(folder)], stated)])


def declared() -> list[tuple[list[str], Limits | None]]:
    """What was declared, as JSON values for `restore` in another process."""
    return [(list(folders), stated) for folders, stated in dict.fromkeys(_SCALES.values())]


def restore(held: Iterable[Sequence]) -> None:
    """Declare what another process had declared."""
    for folders, stated in held:
        scale = tuple(sorted(folders)), stated and tuple(map(float, stated))
        _SCALES.update(dict.fromkeys(folders, scale))
    _percentiles.cache_clear()


def limits(path: str | Path) -> Limits | None:
    """(value shown as black, value shown as white) in the data set that a file lies in, measured when it is first asked
    for; None for a file of no declared set, and where all deep pixels are equal."""
    folders, stated = _scale(str(path)) or ((), None)
    if stated is not None or not folders:
        return stated
    with _MEASURING:
        return _percentiles(folders)


def limits_if_deep(path: str | Path) -> Limits | None:
    """`limits` for a deep image, None for any other; what an image's pixels depend on besides its file."""
    known = str(path).lower().endswith(SUFFIXES) and _scale(str(path)) is not None
    return limits(path) if known and os.path.isfile(path) and is_deep_file(str(path)) else None


def _scale(path: str) -> tuple[tuple[str, ...], Limits | None] | None:
    folder = os.path.dirname(path)
    while _SCALES and folder not in _SCALES and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return _SCALES.get(folder)


def is_deep(image: Image.Image) -> bool:
    """Whether an image's values need a range to be shown in eight bits."""
    return image.mode.startswith("I") or image.mode == "F"


def to_bytes(
    values: Shaped[np.ndarray, "height width"], black: float, white: float
) -> Shaped[np.ndarray, "height width"]:
    """Values as uint8: `black` and below become 0, `white` and above 255."""
    shares = (values.astype(np.float64) - black) / (white - black)
    return np.rint(shares.clip(0, 1) * 255).astype(np.uint8)


@kept_until_changed(1 << 18)
def is_deep_file(path: str) -> bool:
    """Whether the file holds a deep image; only its header is read."""
    try:
        with Image.open(path) as image:
            return is_deep(image)
    except Exception:  # a broken image is named when it is decoded
        return False


@functools.cache
def _percentiles(folders: tuple[str, ...]) -> Limits | None:
    """The range over the deep images below the folders, of at most `IMAGES` evenly spaced ones."""
    walked = (os.path.join(place, name) for each in folders for place, _, names in os.walk(each) for name in names)
    files = sorted(filter(os.path.isfile, walked))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        deep = [file for file, found in zip(files, pool.map(is_deep_file, files), strict=True) if found]
        chosen = [deep[place] for place in np.linspace(0, len(deep) - 1, min(len(deep), IMAGES)).round().astype(int)]
        seen = np.concatenate([np.empty(0), *pool.map(_some_pixels, chosen)])
    if not seen.size:
        return None
    low, high = np.percentile(seen, PERCENTILES)
    return (float(low), float(high)) if high > low else None


def _some_pixels(path: str) -> Shaped[np.ndarray, " pixels"]:
    try:
        with Image.open(path) as image:
            values = np.asarray(image).astype(np.float64).ravel()
    except Exception:
        return np.empty(0)
    values = values[np.isfinite(values)]
    return values[:: max(1, len(values) // PIXELS)]
