"""Which images DiVE is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Bool

from vireid_lib.data.decode import image_size
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.interface import training_rows_only


def fitted_rows(table: pd.DataFrame, config: DiveConfig) -> pd.DataFrame:
    """The rows of `table` that `config` fits: `train_modalities` and `min_aspect` leave some out.

    Raises:
        ValueError: test rows; infrared images of an external identity (they are what is to be made); or no
            infrared row is left.
    """
    training_rows_only(table, "DiVE.fit")
    external, infrared = table["split"] == "external", table["modality"] == "infrared"
    if (external & infrared).any():
        raise ValueError(
            f"DiVE.fit: {(external & infrared).sum()} external rows are infrared, the first "
            f"{table.loc[external & infrared, 'path'].iloc[0]}: pass the external set's visible rows only."
        )
    keep = (infrared | external) if config.train_modalities == "infrared" else pd.Series(True, table.index)
    keep &= upright(table["path"], config.min_aspect)
    if not (keep & infrared).any():
        raise ValueError("DiVE.fit: the table has no infrared image to learn from; pass the target's training rows.")
    return table[keep].reset_index(drop=True)


def upright(paths: Sequence[str], min_aspect: float) -> Bool[np.ndarray, " images"]:
    """Whether each image is at least `min_aspect` times as high as wide; only its header is read."""
    if not min_aspect:
        return np.ones(len(paths), bool)
    with ThreadPoolExecutor() as pool:
        return np.array([height >= min_aspect * width for height, width in pool.map(_size, paths)], bool)


@lru_cache(maxsize=1 << 18)
def _size(path: str) -> tuple[int, int]:
    return image_size(path)
