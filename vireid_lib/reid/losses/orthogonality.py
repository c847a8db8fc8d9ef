"""Inner products that shall vanish: between the embeddings of DEEN's branches, and between MPANet's pattern maps."""

from collections.abc import Sequence
from itertools import combinations

from jaxtyping import Float
from torch import Tensor

from vireid_lib.reid.losses.shapes import Form, Scalar


def orthogonal(generated: Sequence[Float[Tensor, "rows dim"]], *, form: Form = "paper") -> Scalar:
    """Σ_{m<n} f₊ᵐ · f₊ⁿ, averaged over the rows (Zhang and Wang, CVPR 2023, eq. 6), of the embeddings that each branch
    generates of the same images, without the originals; of one branch the loss is 0. The embeddings are not scaled to
    unit length. The loss is bounded from below only where they cannot be negative, such as pooled maps behind a ReLU.
    The paper does not say what is averaged over; form "release" divides by the rows of all branches and the originals
    together, which is the mean over images divided by (number of branches + 1)."""
    if not generated:
        raise ValueError("orthogonal takes the embeddings of at least one generated branch; there is none.")
    total = generated[0].new_zeros(())
    for one, another in combinations(generated, 2):
        total = total + (one * another).sum(dim=1).mean()
    return total / (len(generated) + 1) if form == "release" else total


def pattern_separation(maps: Float[Tensor, "batch patterns height width"]) -> Scalar:
    """Mean over the images and over the pairs of patterns of Σ_xy a_i(x, y)·a_j(x, y), a in 0..1 the attention of a
    pattern at a place (Wu et al., CVPR 2021). Raises ValueError: there is one pattern only, hence no pair. The sum over
    places is not divided by their number, so a larger input weighs more. Maps that are faint everywhere satisfy it as
    well as maps apart: in the miniature world they end near 0.02, and the BN neck scales their features up again."""
    batch, patterns = maps.shape[:2]
    if patterns < 2:
        raise ValueError(f"Separation is between pairs of patterns, and there is {patterns}: take two or more.")
    flat = maps.flatten(2)
    overlaps = (flat @ flat.transpose(1, 2)).triu(diagonal=1)
    return overlaps.sum() / (batch * patterns * (patterns - 1) / 2)
