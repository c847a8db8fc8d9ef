"""The decoded images of a table, row by row, whatever data set or generator they come from."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt8

from vireid_lib.data.images import load_images


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
        self._stacks = [
            load_images(list(paths[rows]), size, cache=cache).pixels for rows in grouped.indices.values() if len(rows)
        ]

    def __len__(self) -> int:
        return len(self._group)

    def __getitem__(self, rows: Int[np.ndarray, " rows"]) -> UInt8[np.ndarray, "rows height width 3"]:
        found = np.empty((len(rows), *self.size, 3), dtype=np.uint8)
        groups, positions = self._group[rows], self._position[rows]
        for group in np.unique(groups):
            here = groups == group
            found[here] = self._stacks[group][positions[here]]
        return found
