"""Separation of MPANet's pattern maps: two patterns should not look at the same place."""

from jaxtyping import Float
from torch import Tensor

from vireid_lib.reid.losses.shapes import Scalar


def pattern_separation(maps: Float[Tensor, "batch patterns height width"]) -> Scalar:
    """Mean over the images and over the pairs of patterns of Σ_xy a_i(x, y)·a_j(x, y), a in 0..1 the attention of a
    pattern at a place (Wu et al., CVPR 2021). Raises ValueError: there is one pattern only, hence no pair.

    The sum over places is not divided by their number, so a larger input weighs more. Maps that are faint everywhere
    satisfy it as well as maps apart: in the miniature world they end near 0.02, and the BN neck scales their features
    up again.
    """
    batch, patterns = maps.shape[:2]
    if patterns < 2:
        raise ValueError(f"Separation is between pairs of patterns, and there is {patterns}: take two or more.")
    flat = maps.flatten(2)
    overlaps = (flat @ flat.transpose(1, 2)).triu(diagonal=1)
    return overlaps.sum() / (batch * patterns * (patterns - 1) / 2)
