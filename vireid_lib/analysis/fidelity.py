"""How near synthetic images are to real ones as a whole: Fréchet distance, brightness, colour, reconstruction."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from vireid_lib.analysis.measure import Measure
from vireid_lib.data.grey import luminance


def frechet_distance(a: Float[ndarray, "n dim"], b: Float[ndarray, "m dim"]) -> float:
    """Squared Fréchet distance of two Gaussians fitted to features (Heusel et al. 2017, eq. 6).

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)). Called FID only where the features are Inception-v3's; name
    the extractor otherwise. With fewer images than dimensions it is biased upwards: compare equal numbers only.

    Raises:
        ValueError: fewer than two images on a side, different dimensions, or a feature that is not finite.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"frechet_distance of {a.shape} and {b.shape}: give two or more rows of one width each.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("frechet_distance: a feature is not finite; look for the image that it came from.")
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cov_a, cov_b = np.atleast_2d(cov_a), np.atleast_2d(cov_b)
    # tr (A B)^(1/2) is the sum of the singular values of A^(1/2) B^(1/2): no square root of a matrix that is
    # not symmetric, hence no complex numbers.
    both = np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum()
    gap = np.square(a.mean(0) - b.mean(0)).sum()
    return float(max(gap + np.trace(cov_a) + np.trace(cov_b) - 2 * both, 0.0))


def frechet(a: Float[ndarray, "n dim"], b: Float[ndarray, "m dim"], *, extractor: str, resize: str) -> Measure:
    """`frechet_distance` with its basis, called FID if the extractor is an Inception-v3.

    Args:
        extractor: the network whose features these are, with its weights; one of the class
            `vireid_lib.analysis.inception.InceptionV3` begins with "Inception-v3".
        resize: how the images came to the extractor's size.

    Raises:
        ValueError: an empty name, or as `frechet_distance`.
    """
    dimensions = np.shape(a)[1]
    few = "; fewer images than dimensions" if min(len(a), len(b)) <= dimensions else ""
    name = "FID" if extractor.lower().startswith("inception-v3") else "Fréchet distance"
    return Measure(name, frechet_distance(a, b), extractor, resize, (len(a), len(b)), f"{dimensions}-d{few}")


def _root(matrix: Float[ndarray, "dim dim"]) -> Float[ndarray, "dim dim"]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def brightness(pixels: UInt8[ndarray, "n height width 3"]) -> Float[ndarray, "n height width"]:
    """Luminance of each pixel, 0..255."""
    return luminance(pixels)


def brightness_histogram(pixels: UInt8[ndarray, "n height width 3"], bins: int = 32) -> Float[ndarray, " bins"]:
    """Share of all pixels in each of `bins` equal steps of luminance from 0 to 255."""
    counts, _ = np.histogram(brightness(pixels), bins=bins, range=(0, 255))
    return counts / counts.sum()


def overlap(a: Float[ndarray, " bins"], b: Float[ndarray, " bins"]) -> float:
    """What two histograms of sum 1 share: 1 equal, 0 disjoint (Swain and Ballard 1991)."""
    return float(np.minimum(a, b).sum())


def colourfulness(pixels: UInt8[ndarray, "n height width 3"]) -> Float[ndarray, " n"]:
    """Mean over an image's pixels of the largest minus the smallest channel, 0..255: 0 in a grey image."""
    values = np.asarray(pixels, np.int16)
    return (values.max(-1) - values.min(-1)).mean((1, 2), dtype=np.float64)


def psnr(a: UInt8[ndarray, "n height width 3"], b: UInt8[ndarray, "n height width 3"]) -> Float[ndarray, " n"]:
    """Peak signal-to-noise ratio of each pair in dB; infinite for equal images."""
    error = np.square(a.astype(np.float64) - b.astype(np.float64)).mean((1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)
