"""Images of table rows, arranged for figures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.data.images import load_images

SIZE = (128, 64)
"""Height and width of images in figures, in pixels."""


def pixels(rows: pd.DataFrame | Sequence[str], size: tuple[int, int] = SIZE) -> UInt8[np.ndarray, "images h w 3"]:
    """Decode the rows' (or the paths') images, in order, for a figure; nothing is cached."""
    paths = rows["path"].tolist() if isinstance(rows, pd.DataFrame) else list(rows)
    return np.asarray(load_images(paths, size, cache=None))


def short(identity: str) -> str:
    """ "sysu_mm01/0042" → "0042", as figures name people."""
    return identity.rsplit("/", 1)[-1]
