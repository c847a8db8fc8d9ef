"""How different the images of one order are: a generator that draws one picture of each person is of little use."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.spaces import intra_identity_spread


@dataclass(frozen=True)
class Variety:
    """Mean distance between two images of one person under one camera, features L2-normalised.

    Attributes:
        synthetic, real: of either set, 0 (always the same picture) to √2 (unrelated ones).
    """

    synthetic: float
    real: float

    @property
    def share(self) -> float:
        """Synthetic over real: 1 varies as real images do; far above 1 can mean that it is not the same person."""
        return self.synthetic / self.real


def variety(
    synthetic: Float[Tensor, "n dim"],
    synthetic_table: pd.DataFrame,
    real: Float[Tensor, "m dim"],
    real_table: pd.DataFrame,
) -> Variety:
    """Compare the spread of images that share person and camera; each side as `intra_identity_spread` takes it.

    Raises:
        ValueError: the rows do not fit, or nobody has two images under one camera.
    """
    found = []
    for features, table in ((synthetic, synthetic_table), (real, real_table)):
        if len(features) != len(table):
            raise ValueError(f"variety: {len(features)} features for {len(table)} rows.")
        orders = (table["identity"] + " " + table["camera"]).tolist()
        found.append(intra_identity_spread(torch.as_tensor(features), orders))
    return Variety(*found)
