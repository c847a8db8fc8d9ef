"""How much a generator's images of one identity under one camera differ, against real ones."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.embedding_spread import intra_identity_spread


@dataclass(frozen=True)
class Diversity:
    """Mean distance between two images of one identity under one camera, features L2-normalised.

    Attributes:
        synthetic, real: of either set, 0 (always the same picture) to √2 (unrelated ones).
    """

    synthetic: float
    real: float

    @property
    def share(self) -> float:
        """Synthetic over real: 1 varies as real images do; far above 1 can mean that it is not the same identity."""
        return self.synthetic / self.real


def diversity(
    synthetic: Float[Tensor, "n dim"],
    synthetic_table: pd.DataFrame,
    real: Float[Tensor, "m dim"],
    real_table: pd.DataFrame,
) -> Diversity:
    """Compare the spread of images that share identity and camera.

    Raises:
        ValueError: the rows do not fit, or no identity has two images under one camera.
    """
    found = []
    for features, table in ((synthetic, synthetic_table), (real, real_table)):
        if len(features) != len(table):
            raise ValueError(f"diversity: {len(features)} features for {len(table)} rows.")
        orders = (table["identity"] + " " + table["camera"]).tolist()
        found.append(intra_identity_spread(torch.as_tensor(features), orders))
    return Diversity(*found)
