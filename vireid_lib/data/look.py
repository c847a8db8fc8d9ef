"""Looking at every image of a data set: what each file shows, or why it cannot be read."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from vireid_lib.data.contents import file_digest
from vireid_lib.data.decode import ImageError, open_image
from vireid_lib.data.intensity import is_deep_file


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
        digest, image = file_digest(path), open_image(path)
    except ImageError as error:
        return Seen(wrong=error.why)
    except OSError as error:
        return Seen(wrong="does not exist" if isinstance(error, FileNotFoundError) else f"cannot be opened: {error}")
    counts = np.cumsum(image.convert("L").histogram())
    low, high = (int(np.searchsorted(counts, share * counts[-1])) for share in (0.01, 0.99))
    return Seen("", digest, (image.height, image.width), high - low, is_deep_file(path), _pictures(path))


def _pictures(path: str) -> int:
    with Image.open(path) as file:
        try:
            return getattr(file, "n_frames", 1)
        except Exception:  # what follows the first picture is broken
            return 1


def look_at_all(paths: list[str], progress: bool = False) -> dict[str, Seen]:
    """`look` at every path, in threads; in a terminal, with a bar where `progress` says so."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = tqdm(pool.map(look, paths), total=len(paths), unit=" images", disable=None if progress else True)
        return dict(zip(paths, seen, strict=True))
