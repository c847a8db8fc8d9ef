"""Structural similarity of pairs of images, whole or weighted by a mask. (No library that works without torchvision
gives the map of a mirrored border that masks need; with SciPy's filter it is a few lines.)"""

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from scipy.ndimage import gaussian_filter

from vireid_lib.data.grey import luminance

Pixels, Map = UInt8[ndarray, "n height width 3"], Float[ndarray, "n height width"]

SIGMA, RADIUS = 1.5, 5  # of the Gaussian window, in pixels: 11 x 11 as in the paper
LUMINANCE_CONSTANT, CONTRAST_CONSTANT = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim_map(a: Pixels, b: Pixels) -> Map:
    """SSIM index of each pixel's neighbourhood in luminance, -1..1 (Wang et al. 2004, eq. 13, constants of section
    III-C). Within 5 pixels of the border the images are continued by reflection. Raises ValueError: the images do not
    pair, or are smaller than the window."""
    if a.shape != b.shape or min(a.shape[1:3]) <= 2 * RADIUS:
        raise ValueError(f"ssim of {a.shape} and {b.shape}: give pairs of equal size, larger than {2 * RADIUS} pixels.")
    x, y = luminance(a).astype(np.float64), luminance(b).astype(np.float64)
    mean_x, mean_y = _smooth(x), _smooth(y)
    var_x, var_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    both = _smooth(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + LUMINANCE_CONSTANT) * (2 * both + CONTRAST_CONSTANT)
    return top / ((mean_x**2 + mean_y**2 + LUMINANCE_CONSTANT) * (var_x + var_y + CONTRAST_CONSTANT))


def ssim(a: Pixels, b: Pixels, weights: Map | None = None) -> Float[ndarray, " n"]:
    """Mean SSIM of each pair, weighted by `weights`, such as a person's mask; None takes every pixel whose window lies
    inside the image, as the paper does. 1 only for equal luminance. Raises ValueError: as `ssim_map`, or the weights of
    a pair are zero everywhere."""
    found = ssim_map(a, b)
    if weights is None:
        return found[:, RADIUS:-RADIUS, RADIUS:-RADIUS].mean((1, 2))
    total = weights.sum((1, 2))
    if not (total > 0).all():
        raise ValueError(f"ssim: the weights of pair {int(np.argmin(total))} are zero everywhere; leave the pair out.")
    return (found * weights).sum((1, 2)) / total


def _smooth(images: Map) -> Map:
    return gaussian_filter(images, (0, SIGMA, SIGMA), radius=(0, RADIUS, RADIUS), mode="reflect")
