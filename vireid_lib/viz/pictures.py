"""Images of table rows, arranged for figures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int64, UInt8

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


def evenly(table: pd.DataFrame, count: int) -> Int64[np.ndarray, " rows"]:
    """Positions of at most `count` rows, spread evenly over people, cameras and files."""
    order = table.reset_index(drop=True).sort_values(["identity", "camera", "path"]).index.to_numpy()
    return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]


def thin(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """The rows at the positions of `evenly`."""
    return table.iloc[evenly(table, count)].reset_index(drop=True)


def spread(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, half of each modality, spread evenly over the table."""
    sides = (table[table["modality"] == modality] for modality in ("visible", "infrared"))
    return pd.concat(thin(own, -(-count // 2)) for own in sides).reset_index(drop=True)
