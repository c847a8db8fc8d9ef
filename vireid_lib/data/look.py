"""Looking at every image of a data set: which are broken, of odd size, flat, deep, or several in one file."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vireid_lib.data import intensity
from vireid_lib.data.contents import file_digest
from vireid_lib.data.decode import ImageError, about, open_image
from vireid_lib.data.images import LEAVE_OUT
from vireid_lib.data.manifest import DatasetManifest
from vireid_lib.data.report import Finding

SMALLEST_SIDE = 8  # pixels; nobody can be recognised in less
FEWEST_LEVELS = 8  # of grey, between an image's 1st and 99th percentile; in less nothing is to be seen


@dataclass(frozen=True)
class Seen:
    """What one file shows.

    Attributes:
        wrong: why it cannot be read, "" where it can; then nothing else is known.
        size: height and width in pixels.
        levels: grey levels between the 1st and the 99th percentile, of 255.
        deep: whether it has more than 8 bits.
        pictures: how many the file holds.
    """

    wrong: str = ""
    digest: str = ""
    size: tuple[int, int] = (0, 0)
    levels: int = 255
    deep: bool = False
    pictures: int = 1


def look(path: str) -> Seen:
    """Read and decode one file, whatever it holds."""
    try:
        digest = file_digest(path)
        image = open_image(path)
        deep, pictures = about(path)
    except ImageError as error:
        return Seen(wrong=error.why)
    except OSError as error:
        return Seen(wrong="does not exist" if isinstance(error, FileNotFoundError) else f"cannot be opened: {error}")
    return Seen("", digest, (image.height, image.width), _levels(image), deep, pictures)


def look_at_all(paths: list[str], progress: Callable[[int, int], None] | None = None) -> dict[str, Seen]:
    """`look` at every path, in threads; `progress` is told (images done, images in all)."""
    seen: dict[str, Seen] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), 500):
            part = paths[start : start + 500]
            seen.update(zip(part, pool.map(look, part), strict=True))
            if progress is not None:
                progress(len(seen), len(paths))
    return seen


def findings(seen: dict[str, Seen], manifest: DatasetManifest) -> list[Finding]:
    """What is to be said of the files, most serious first."""
    broken = [f"{path} {each.wrong}" for path, each in seen.items() if each.wrong]
    found = []
    if broken:
        remedy = f"Restore them, or {LEAVE_OUT}."
        found.append(Finding("error", f"{len(broken)} images cannot be read.", remedy, broken))
    whole = {path: each for path, each in seen.items() if not each.wrong}
    for what, is_odd in _odd_sizes(manifest.image_size).items():
        items = [f"{path} {each.size[0]}x{each.size[1]}" for path, each in whole.items() if is_odd(each.size)]
        if items:
            found.append(Finding("warning", f"{len(items)} images {what}", items=items))
    return found + _flat(whole) + _deep(whole) + _several(whole)


def _odd_sizes(wanted: list[int] | None) -> dict[str, Callable[[tuple[int, int]], bool]]:
    kinds = {
        f"are less than {SMALLEST_SIDE} pixels high or wide.": lambda size: min(size) < SMALLEST_SIDE,
        "are wider than high; they may be turned or no people.": lambda size: size[1] > size[0],
    }
    if wanted:
        words = f"are not {wanted[0]} by {wanted[1]} pixels (height by width), as the data set's are."
        kinds[words] = lambda size: list(size) != wanted
    return kinds


def _flat(seen: dict[str, Seen]) -> list[Finding]:
    items = [f"{path} {each.levels} grey levels" for path, each in seen.items() if each.levels < FEWEST_LEVELS]
    if not items:
        return []
    remedy = "If they had more bits, save them in one channel of 16: the manifest's `intensity` then sets their range."
    return [Finding("warning", f"{len(items)} images are almost of one brightness.", remedy, items)]


def _deep(seen: dict[str, Seen]) -> list[Finding]:
    """Told always: the range is a choice, and other choices give other pictures."""
    groups: dict[intensity.Limits | None, list[str]] = {}
    for path, each in seen.items():
        if each.deep:
            groups.setdefault(intensity.limits(path), []).append(path)
    found = []
    for limits, items in groups.items():
        shown = "their full range" if limits is None else f"from {limits[0]:g} (black) to {limits[1]:g} (white)"
        what = f"{len(items)} images have more than 8 bits and are shown {'in ' * (limits is None)}{shown}."
        found.append(Finding("note", what, "To choose another range, set `intensity` in the manifest.", items))
    return found


def _several(seen: dict[str, Seen]) -> list[Finding]:
    items = [f"{path} {each.pictures} pictures" for path, each in seen.items() if each.pictures > 1]
    what = f"{len(items)} files hold several pictures, of which the first is taken."
    return [Finding("warning", what, items=items)] if items else []


def _levels(image: Image.Image) -> int:
    counts = np.cumsum(image.convert("L").histogram())
    low, high = (int(np.searchsorted(counts, share * counts[-1])) for share in (0.01, 0.99))
    return high - low
