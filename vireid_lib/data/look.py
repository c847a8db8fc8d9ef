"""Looking at every image of a data set: which are broken, of odd size, flat, deep, or several in one file."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

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
        digest, image, (deep, pictures) = file_digest(path), open_image(path), about(path)
    except ImageError as error:
        return Seen(wrong=error.why)
    except OSError as error:
        return Seen(wrong="does not exist" if isinstance(error, FileNotFoundError) else f"cannot be opened: {error}")
    counts = np.cumsum(image.convert("L").histogram())
    low, high = (int(np.searchsorted(counts, share * counts[-1])) for share in (0.01, 0.99))
    return Seen("", digest, (image.height, image.width), high - low, deep, pictures)


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
    found = []

    def tell(severity: str, items: list[str], what: str, remedy: str = "") -> None:
        if items:
            found.append(Finding(severity, f"{len(items)} {what}", remedy, items))

    broken = [f"{path} {each.wrong}" for path, each in seen.items() if each.wrong]
    tell("error", broken, "images cannot be read.", f"Restore them, or {LEAVE_OUT}.")
    whole = {path: each for path, each in seen.items() if not each.wrong}
    sizes: dict[str, Callable[[int, int], bool]] = {
        f"are less than {SMALLEST_SIDE} pixels high or wide.": lambda *size: min(size) < SMALLEST_SIDE,
        "are wider than high; they may be turned or no people.": lambda height, width: width > height,
    }
    if wanted := manifest.image_size:
        words = f"are not {wanted[0]} by {wanted[1]} pixels (height by width), as the data set's are."
        sizes[words] = lambda *size: list(size) != wanted
    for words, is_odd in sizes.items():
        odd = [f"{path} {each.size[0]}x{each.size[1]}" for path, each in whole.items() if is_odd(*each.size)]
        tell("warning", odd, f"images {words}")
    flat = [f"{path} {each.levels} grey levels" for path, each in whole.items() if each.levels < FEWEST_LEVELS]
    remedy = "If they had more bits, save them in one channel of 16: the manifest's `intensity` then sets their range."
    tell("warning", flat, "images are almost of one brightness.", remedy)
    # Deep images are told always: the range is a choice, and other choices give other pictures.
    ranges: dict[intensity.Limits | None, list[str]] = {}
    for path in (path for path, each in whole.items() if each.deep):
        ranges.setdefault(intensity.limits(path), []).append(path)
    for limits, items in ranges.items():
        shown = "in their full range" if limits is None else f"from {limits[0]:g} (black) to {limits[1]:g} (white)"
        remedy = "To choose another range, set `intensity` in the manifest."
        tell("note", items, f"images have more than 8 bits and are shown {shown}.", remedy)
    several = [f"{path} {each.pictures} pictures" for path, each in whole.items() if each.pictures > 1]
    tell("warning", several, "files hold several pictures, of which the first is taken.")
    return found
