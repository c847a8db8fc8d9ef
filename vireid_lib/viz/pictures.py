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
    return np.asarray(load_images(paths, size, cache=None).pixels)


def short(identity: str) -> str:
    """ "sysu_mm01/0042" → "0042", as figures name people."""
    return identity.rsplit("/", 1)[-1]


def spread(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, half of each modality, spread evenly over the table."""
    parts = []
    for modality in ("visible", "infrared"):
        own = table[table["modality"] == modality].sort_values(["identity", "camera", "path"])
        parts.append(own.iloc[np.unique(np.linspace(0, len(own) - 1, -(-count // 2)).round().astype(int))])
    return pd.concat(parts).reset_index(drop=True)
