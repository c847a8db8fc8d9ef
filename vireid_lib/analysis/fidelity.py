"""How near synthetic images are to real ones as a whole: Fréchet distance, precision and recall, colour."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from scipy.spatial.distance import cdist

from vireid_lib.analysis.embedding_spread import diversity
from vireid_lib.analysis.subsets import evenly

NEIGHBOURS = 5  # k of Naeem et al.; Kynkäänniemi et al. take 3


@dataclass(frozen=True)
class Measure:
    """One number about sets of images, with what it cannot be compared without: the `extractor` of the features (a
    network with its weights, or "pixels"); `resize`, by which the images came to its size, e.g. "64x32, area"; how many
    were on each side; and what else a reader needs, e.g. "k = 5"."""

    name: str
    value: float
    extractor: str
    resize: str
    images: tuple[int, ...]
    note: str = ""

    @property
    def basis(self) -> str:
        """All that is needed to compare the value with another one."""
        count = " and ".join(map(str, self.images))
        return "; ".join(filter(None, (f"N = {count}", self.extractor, self.resize, self.note)))

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} ({self.basis})"


def frechet_distance(a: Float[ndarray, "n dim"], b: Float[ndarray, "m dim"]) -> float:
    """Squared Fréchet distance of two Gaussians fitted to features, |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2))
    (Heusel et al. 2017, eq. 6). Called FID only where the features are Inception-v3's; name the extractor otherwise.
    With fewer images than dimensions it is biased upwards: compare equal numbers only. Raises ValueError: fewer than
    two images on a side, different dimensions, or a feature that is not finite."""
    a, b = _checked("frechet_distance", a, b, 2, "two or more")
    cov_a, cov_b = (np.atleast_2d(np.cov(side, rowvar=False)) for side in (a, b))
    # tr (A B)^(1/2) is the sum of the singular values of A^(1/2) B^(1/2): no square root of a matrix that is
    # not symmetric, hence no complex numbers.
    both = np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum()
    gap = np.square(a.mean(0) - b.mean(0)).sum()
    return float(max(gap + np.trace(cov_a) + np.trace(cov_b) - 2 * both, 0.0))


def frechet(a: Float[ndarray, "n dim"], b: Float[ndarray, "m dim"], *, extractor: str, resize: str) -> Measure:
    """`frechet_distance` with its basis, called FID if the extractor's name begins with "Inception-v3"."""
    dimensions = np.shape(a)[1]
    few = "; fewer images than dimensions" if min(len(a), len(b)) <= dimensions else ""
    name = "FID" if extractor.lower().startswith("inception-v3") else "Fréchet distance"
    return Measure(name, frechet_distance(a, b), extractor, resize, (len(a), len(b)), f"{dimensions}-d{few}")


def manifold(
    real: Float[ndarray, "n dim"], synthetic: Float[ndarray, "m dim"], *, k: int = NEIGHBOURS
) -> dict[str, float]:
    """Precision, recall (Kynkäänniemi et al. 2019, eq. 1 and 2), density, coverage (Naeem et al. 2020, section 3): what
    a ball around each image, as wide as the distance to its k-th nearest neighbour, catches of the other set.

    "precision" is the share of synthetic images in a real image's ball; "recall" that of real images in a synthetic
    image's ball; "density" the mean number of real balls that a synthetic image lies in, over k; "coverage" the share
    of real images with a synthetic one in their ball, robust where recall is fooled by outliers. Euclidean distances; a
    point on the edge of a ball is in it. Compare equal numbers of images only. Two samples of one distribution of equal
    size give a density of about 1 and a coverage of about 1 - 2^-k. Raises ValueError: no more than k images on a side,
    different dimensions, or a feature that is not finite."""
    real, synthetic = _checked("manifold", real, synthetic, k + 1, f"more than k = {k}")
    apart = cdist(real, synthetic)
    inside_real, inside_synthetic = apart <= _radii(real, k)[:, None], apart <= _radii(synthetic, k)[None, :]
    return {
        "precision": float(inside_real.any(0).mean()),
        "recall": float(inside_synthetic.any(1).mean()),
        "density": float(inside_real.sum(0).mean() / k),
        "coverage": float(inside_real.any(1).mean()),
    }


def to_reference(
    made: torch.Tensor, gallery: pd.DataFrame, held: torch.Tensor, real: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """How a gallery compares with real infrared images by their features, equal numbers of both. `about`: extractor and
    resize rule; `words`: which real images."""
    count = min(len(gallery), len(real))
    near = [
        features[torch.from_numpy(evenly(rows, count))].numpy() for features, rows in ((held, real), (made, gallery))
    ]
    found = {"Fréchet distance": frechet(*near, **about)}
    if count > NEIGHBOURS:
        by_k = {"images": (count, count), "note": f"k = {NEIGHBOURS}", **about}
        found |= {name: Measure(name, value, **by_k) for name, value in manifold(*near).items()}
    if all(rows.groupby(["identity", "camera"]).size().max() > 1 for rows in (gallery, real)):
        share, note = diversity(made, gallery, held, real), f"share of the spread of {words}"
        found["diversity"] = Measure("diversity", share, images=(len(gallery), len(real)), note=note, **about)
    return found


def _checked(what: str, a: ndarray, b: ndarray, least: int, words: str) -> tuple[ndarray, ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if min(len(a), len(b)) < least or a.shape[1] != b.shape[1]:
        raise ValueError(f"{what} of {a.shape} and {b.shape}: give {words} rows of one width each.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"{what}: a feature is not finite; look for the image that it came from.")
    return a, b


def _root(matrix: ndarray) -> Float[ndarray, "dim dim"]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _radii(features: ndarray, k: int) -> Float[ndarray, " n"]:
    """Distance of each row to its k-th nearest other row; its own is the nearest."""
    return np.partition(cdist(features, features), k, axis=1)[:, k]


def colourfulness(pixels: UInt8[ndarray, "n height width 3"]) -> Float[ndarray, " n"]:
    """Mean over an image's pixels of the largest minus the smallest channel, 0..255: 0 in a grey image."""
    values = np.asarray(pixels, np.int16)
    return (values.max(-1) - values.min(-1)).mean((1, 2), dtype=np.float64)
