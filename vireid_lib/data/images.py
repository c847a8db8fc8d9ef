"""Images as arrays: decoded and resized once, then read from a memory-mapped cache keyed by content."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from vireid_lib.data.contents import content_digests, reserve, sweep, written_aside
from vireid_lib.data.decode import VERSION, ImageError, decode
from vireid_lib.data.intensity import limits_if_deep

LEAVE_OUT = "set `data.broken_images: skip` in the profile, which leaves such images out and counts them"

Pixels = UInt8[np.ndarray, "images height width 3"]


def load_images(paths: Sequence[str], size: tuple[int, int], *, cache: Path | None) -> Pixels:
    """Images in the order of the paths, resized to `size` = (height, width): a read-only memory map in the folder
    `cache`, which is used where it is there; None decodes into memory.

    The cache's key is what the files hold, in order, the size, the decoder and the range of deep images: a moved data
    set hits, a changed image misses. Two processes may build one cache at once; one result stays. Each list of paths
    has its own cache: load real and synthetic images with a call each, and the real ones are shared. Raises ImageError:
    an image is missing, empty, truncated or no image.
    """
    paths, shape = list(paths), (len(paths), *size, 3)
    if cache is None or not paths:
        pixels = np.empty(shape, np.uint8)
        _decode_into(pixels, paths)
        return pixels
    there = [path for path in paths if os.path.isfile(path)]  # a missing one is a broken image, to be named as such
    held = dict(zip(there, content_digests(there, cache), strict=True))
    contents = [held.get(path, "missing") for path in paths]
    ranges = [limits_if_deep(path) for path in paths]
    key = json.dumps([contents, list(size), VERSION, PIL.__version__, *([ranges] if any(ranges) else [])])
    folder = Path(cache) / f"images-{size[0]}x{size[1]}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    pixels = _cached(folder, shape)
    if pixels is None:
        if folder.exists():
            shutil.rmtree(folder)
        sweep(folder.parent)
        # Not a temporary folder of the standard library's: those shut out the other users of a shared cache.
        with written_aside(folder) as own:
            own.mkdir()
            pixels = np.lib.format.open_memmap(own / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
            reserve(own / "pixels.npy")
            _decode_into(pixels, paths)
            pixels.flush()
        pixels = _cached(folder, shape)
    return pixels


class TablePixels:
    """`pixels[rows]` gives the images of rows, counted from 0, as uint8 [len(rows), height, width, 3] of `size`
    (height, width).

    Each data set, split and source is cached on its own in the folder `cache` (None keeps it in memory), so that
    trainings on other mixtures of them share it.
    """

    def __init__(self, table: pd.DataFrame, size: tuple[int, int], cache: Path | None) -> None:
        self.size, paths = size, table["path"].to_numpy(dtype=object)
        dataset = table["identity"].str.split("/").str[0]
        grouped = table.groupby([dataset, table["split"], table["source"]], sort=True)
        self._group, self._position = grouped.ngroup().to_numpy(), grouped.cumcount().to_numpy()
        held = (list(paths[rows]) for rows in grouped.indices.values() if len(rows))
        self._stacks = [load_images(each, size, cache=cache) for each in held]

    def __getitem__(self, rows: Int[np.ndarray, " rows"]) -> UInt8[np.ndarray, "rows height width 3"]:
        found = np.empty((len(rows), *self.size, 3), dtype=np.uint8)
        groups, positions = self._group[rows], self._position[rows]
        for group in np.unique(groups):
            here = groups == group
            found[here] = self._stacks[group][positions[here]]
        return found


def to_float(
    pixels: Pixels, device: str | torch.device = "cpu", channels_last: bool = False
) -> Float[Tensor, "images 3 height width"]:
    """Return pixels as a float tensor in 0..1, channels first, on a device; in memory, channels may come last."""
    # Bytes travel to the device, a quarter of the floats' size. The copy makes memory-mapped pixels writable.
    tensor = torch.from_numpy(np.array(pixels, copy=True)).to(device)
    images = tensor.permute(0, 3, 1, 2).contiguous().float().div_(255)
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def _cached(folder: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The pixels of a cache; None where there is none, or one that a power failure has damaged."""
    try:
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    except (OSError, EOFError, ValueError):
        return None
    return pixels if pixels.shape == shape else None


def _decode_into(pixels: np.ndarray, paths: Sequence[str]) -> None:
    """Fill `pixels` row by row. Raises ImageError for the first image that cannot be used."""

    def fill(row: int) -> None:
        try:
            pixels[row] = decode(paths[row], pixels.shape[1:3])
        except ImageError as error:
            raise ImageError(paths[row], f"{error.why}. Restore the file, or {LEAVE_OUT}.") from None

    workers = os.cpu_count() or 1  # Pillow decodes outside Python's lock, so threads use all cores
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), 64 * workers):  # in parts, so that a broken image stops the rest soon
            list(pool.map(fill, range(start, min(start + 64 * workers, len(paths)))))
