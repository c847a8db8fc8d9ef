"""Fidelity apart from variety: precision, recall, density and coverage of synthetic features among real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.distance import cdist

from vireid_lib.analysis.measure import Measure

NEIGHBOURS = 5
"""k of Naeem et al.; Kynkäänniemi et al. take 3."""


@dataclass(frozen=True)
class Manifold:
    """What a ball around each image, as wide as the distance to its k-th nearest neighbour, catches of the other set.

    Attributes:
        precision: share of synthetic images in a real image's ball: could each be real?
        recall: share of real images in a synthetic image's ball: could each have been made?
        density: mean number of real balls that a synthetic image lies in, over k; above 1 where real images crowd.
        coverage: share of real images with a synthetic one in their ball; robust where recall is fooled by outliers.
    """

    precision: float
    recall: float
    density: float
    coverage: float

    def measures(self, *, extractor: str, resize: str, images: tuple[int, int], k: int = NEIGHBOURS) -> list[Measure]:
        """The four numbers with their basis."""
        return [Measure(name, value, extractor, resize, images, f"k = {k}") for name, value in vars(self).items()]


def manifold(real: Float[ndarray, "n dim"], synthetic: Float[ndarray, "m dim"], *, k: int = NEIGHBOURS) -> Manifold:
    """Precision, recall (Kynkäänniemi et al. 2019, eq. 1 and 2), density, coverage (Naeem et al. 2020, section 3).

    Euclidean distances; a point on the edge of a ball is in it. All four depend on the numbers of images: compare
    equal numbers only. Two samples of one distribution of equal size give a density of about 1 and a coverage of about
    1 - 2^-k, whatever the distribution.

    Raises:
        ValueError: no more than k images on a side, different dimensions, or a feature that is not finite.
    """
    real, synthetic = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if min(len(real), len(synthetic)) <= k or real.shape[1] != synthetic.shape[1]:
        raise ValueError(f"manifold of {real.shape} and {synthetic.shape}: give more than k = {k} rows of one width.")
    if not (np.isfinite(real).all() and np.isfinite(synthetic).all()):
        raise ValueError("manifold: a feature is not finite; look for the image that it came from.")
    apart = cdist(real, synthetic)
    inside_real = apart <= _radii(real, k)[:, None]
    inside_synthetic = apart <= _radii(synthetic, k)[None, :]
    return Manifold(
        precision=float(inside_real.any(0).mean()),
        recall=float(inside_synthetic.any(1).mean()),
        density=float(inside_real.sum(0).mean() / k),
        coverage=float(inside_real.any(1).mean()),
    )


def _radii(features: Float[ndarray, "n dim"], k: int) -> Float[ndarray, " n"]:
    """Distance of each row to its k-th nearest other row."""
    own = cdist(features, features)
    np.fill_diagonal(own, np.inf)
    return np.partition(own, k - 1, axis=1)[:, k - 1]
