"""Some rows of a table, spread evenly over it: what is measured or shown in place of all."""

import numpy as np
import pandas as pd
from jaxtyping import Int64


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
