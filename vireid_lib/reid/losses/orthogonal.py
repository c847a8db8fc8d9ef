"""Orthogonality of the embeddings that DEEN's branches generate from one image."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from jaxtyping import Float
from torch import Tensor


def orthogonal(
    generated: Sequence[Float[Tensor, "rows dim"]], *, form: Literal["paper", "release"] = "paper"
) -> Float[Tensor, ""]:
    """Σ_{m<n} f₊ᵐ · f₊ⁿ, averaged over the rows (Zhang and Wang, CVPR 2023, eq. 6).

    The inner products are of embeddings as they are, not scaled to unit length. They bound the loss from below
    only where embeddings cannot be negative, such as pooled maps that a ReLU left.

    Args:
        generated: per branch, the embeddings of the same images in the same order; the originals take no part.
            With one branch the loss is 0.
        form: the paper does not say what is averaged over; the release divides by the rows of all branches and
            the originals together, which is the mean over images divided by (number of branches + 1).
    """
    if not generated:
        raise ValueError("orthogonal takes the embeddings of at least one generated branch; there is none.")
    total = generated[0].new_zeros(())
    for one, another in combinations(generated, 2):
        total = total + (one * another).sum(dim=1).mean()
    return total / (len(generated) + 1) if form == "release" else total
