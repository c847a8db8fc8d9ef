"""Some rows of a table, spread evenly over it, or a few whole people: what is measured or shown in place of all."""

import numpy as np
import pandas as pd
from jaxtyping import Int64


def evenly(table: pd.DataFrame, count: int) -> Int64[np.ndarray, " rows"]:
    """Positions of at most `count` rows, spread evenly over people, cameras and files."""
    order = table.reset_index(drop=True).sort_values(["identity", "camera", "path"]).index.to_numpy()
    return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]


def subsample(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """The rows at the positions of `evenly`."""
    return table.iloc[evenly(table, count)].reset_index(drop=True)


def spread(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, half of each modality, spread evenly over the table."""
    sides = (table[table["modality"] == modality] for modality in ("visible", "infrared"))
    return pd.concat(subsample(own, -(-count // 2)) for own in sides).reset_index(drop=True)


def readable_sample(table: pd.DataFrame, *, identities: int = 10, images: int = 8) -> Int64[np.ndarray, " rows"]:
    """Positions of a few identities with both modalities, with at most so many images of each modality, spread over
    its cameras: what a reader can still tell apart."""
    both = table.groupby("identity")["modality"].nunique()
    chosen = sorted(np.random.default_rng(0).permutation(sorted(both.index[both == 2]))[:identities])
    rows, shuffled = [], table.reset_index(drop=True).sample(frac=1, random_state=0)
    for name in chosen:
        for modality in ("visible", "infrared"):
            own = shuffled[(shuffled["identity"] == name) & (shuffled["modality"] == modality)]
            turn = own.groupby("camera").cumcount()  # one image of every camera before a second of any
            rows += turn.sort_values(kind="stable").index[:images].tolist()
    return np.asarray(rows, dtype=np.int64)
