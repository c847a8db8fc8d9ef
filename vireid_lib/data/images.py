"""Images as arrays: decoded and resized once, then read from a memory-mapped cache keyed by content."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from vireid_lib.data.contents import content_digests, reserve, sweep, written_aside
from vireid_lib.data.decode import VERSION, ImageError, decode
from vireid_lib.data.intensity import limits_if_deep
from vireid_lib.data.text import printable

LEAVE_OUT = "set `data.broken_images: skip` in the profile, which leaves such images out and counts them"


@dataclass(frozen=True)
class ImageStack:
    """Decoded images.

    Attributes:
        pixels: in the order of the paths, without the skipped ones; a read-only memory map where cached.
        kept: for each path, whether `pixels` has it: `table[stack.kept]` is the table of the pixels.
        skipped: what is wrong with each skipped image, its path first.
    """

    pixels: UInt8[np.ndarray, "images height width 3"]
    kept: Bool[np.ndarray, " paths"]
    skipped: list[str]


def load_images(
    paths: Sequence[str], size: tuple[int, int], *, cache: Path | None, on_error: str = "raise"
) -> ImageStack:
    """Return images resized to `size` = (height, width), from the cache where it has them.

    The cache's key is what the files hold, in order, the size, the decoder and the range of deep images: a moved data
    set hits, a changed image misses. Two processes may build one cache at once; one result stays. Each list of paths
    has its own cache: load real and synthetic images with a call each, and the real ones are shared.

    Args:
        cache: folder for caches; None decodes into memory.
        on_error: "raise" stops at the first image that cannot be used; "skip" leaves those out (see `ImageStack`).

    Raises:
        ImageError: an image is missing, empty, truncated or no image, and `on_error` is "raise".
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error is {on_error!r}; use "raise" or "skip".')
    paths = list(paths)
    if cache is None or not paths:
        pixels = np.empty((len(paths), *size, 3), np.uint8)
        return _stack(pixels, _decode_into(pixels, paths, on_error), paths)
    folder = _cache_folder(paths, size, Path(cache))
    found = _cached(folder, (len(paths), *size, 3))
    if found is None:
        if folder.exists():
            shutil.rmtree(folder)
        _build(folder, paths, size, on_error)
        found = _cached(folder, (len(paths), *size, 3))
    pixels, broken = found
    if broken and on_error == "raise":
        raise _refusal(paths[min(broken)], broken[min(broken)])
    return _stack(pixels, broken, paths)


def to_float(
    pixels: UInt8[np.ndarray, "images height width 3"], device: str | torch.device = "cpu"
) -> Float[Tensor, "images 3 height width"]:
    """Return pixels as a float tensor in 0..1, channels first, on a device."""
    # Bytes travel to the device, a quarter of the floats' size. The copy makes memory-mapped pixels writable.
    tensor = torch.from_numpy(np.array(pixels, copy=True)).to(device)
    return tensor.permute(0, 3, 1, 2).contiguous().float().div_(255)


def _cache_folder(paths: Sequence[str], size: tuple[int, int], cache: Path) -> Path:
    """Return where the cache of these files lies. A missing file is a broken image, to be skipped as such."""
    held = iter(content_digests([path for path in paths if os.path.isfile(path)], cache))
    contents = [next(held) if os.path.isfile(path) else "missing" for path in paths]
    ranges = [limits_if_deep(path) for path in paths]
    key = json.dumps([contents, list(size), VERSION, PIL.__version__, *([ranges] if any(ranges) else [])])
    return cache / f"images-{size[0]}x{size[1]}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _cached(folder: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, dict[int, str]] | None:
    """(pixels, {row: what is wrong}) of a cache; None where there is none, or one that a power failure has damaged."""
    try:
        broken = {int(row): why for row, why in json.loads((folder / "broken.json").read_text()).items()}
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    except (OSError, EOFError, ValueError, AttributeError, RecursionError):
        return None
    return (pixels, broken) if pixels.shape == shape else None


def _build(folder: Path, paths: Sequence[str], size: tuple[int, int], on_error: str) -> None:
    sweep(folder.parent)
    # Not a temporary folder of the standard library's: those shut out the other users of a shared cache.
    with written_aside(folder) as own:
        own.mkdir()
        shape = (len(paths), *size, 3)
        pixels = np.lib.format.open_memmap(own / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
        reserve(own / "pixels.npy")
        broken = _decode_into(pixels, paths, on_error)
        pixels.flush()
        (own / "broken.json").write_text(json.dumps(broken))


def _decode_into(pixels: np.ndarray, paths: Sequence[str], on_error: str) -> dict[int, str]:
    """Fill `pixels` row by row and return {row: what is wrong} of the images that could not be used."""
    size, broken = pixels.shape[1:3], {}

    def fill(row: int) -> str | None:
        try:
            pixels[row] = decode(paths[row], size)
        except ImageError as error:
            pixels[row] = 0
            return error.why
        return None

    workers = os.cpu_count() or 1  # Pillow decodes outside Python's lock, so threads use all cores
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), 64 * workers):  # in parts, so that a broken image stops the rest soon
            rows = range(start, min(start + 64 * workers, len(paths)))
            for row, why in zip(rows, pool.map(fill, rows), strict=True):
                if why is not None and on_error == "raise":
                    raise _refusal(paths[row], why)
                if why is not None:
                    broken[row] = why
    return broken


def _stack(pixels: np.ndarray, broken: dict[int, str], paths: Sequence[str]) -> ImageStack:
    kept = np.ones(len(paths), dtype=bool)
    kept[list(broken)] = False
    # With nothing skipped the memory map itself is given, not a copy of all its pixels.
    skipped = [f"{printable(paths[row])} {why}" for row, why in sorted(broken.items())]
    return ImageStack(pixels if kept.all() else pixels[kept], kept, skipped)


def _refusal(path: str, why: str) -> ImageError:
    return ImageError(path, f"{why}. Restore the file, or {LEAVE_OUT}.")
