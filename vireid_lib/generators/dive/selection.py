"""Which images have the shape of a standing person."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from jaxtyping import Bool

from vireid_lib.data.decode import image_size


def upright(paths: Sequence[str], min_aspect: float) -> Bool[np.ndarray, " images"]:
    """Whether each image is at least `min_aspect` times as high as wide; only its header is read."""
    if not min_aspect:
        return np.ones(len(paths), bool)
    with ThreadPoolExecutor() as pool:
        return np.array([height >= min_aspect * width for height, width in pool.map(_size, paths)], bool)


@lru_cache(maxsize=1 << 18)
def _size(path: str) -> tuple[int, int]:
    return image_size(path)
