"""How much a generator's images of one identity under one camera differ, against real ones."""

from __future__ import annotations

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.embedding_spread import intra_identity_spread


def diversity(
    synthetic: Float[Tensor, "n dim"],
    synthetic_table: pd.DataFrame,
    real: Float[Tensor, "m dim"],
    real_table: pd.DataFrame,
) -> float:
    """The mean distance between two synthetic images of one identity under one camera, over that of real ones.

    0 is always the same picture, 1 varies as real images do; far above 1 can mean that the identity is lost.

    Raises:
        ValueError: the rows do not fit, or no identity has two images under one camera.
    """
    spreads = []
    for features, table in ((synthetic, synthetic_table), (real, real_table)):
        if len(features) != len(table):
            raise ValueError(f"diversity: {len(features)} features for {len(table)} rows.")
        orders = (table["identity"] + " " + table["camera"]).tolist()
        spreads.append(intra_identity_spread(torch.as_tensor(features), orders))
    return spreads[0] / spreads[1]
