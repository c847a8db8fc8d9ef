"""Orthogonality of the embeddings that DEEN's branches generate from one image."""

from collections.abc import Sequence
from itertools import combinations

from jaxtyping import Float
from torch import Tensor

from vireid_lib.reid.losses.shapes import Form, Scalar


def orthogonal(generated: Sequence[Float[Tensor, "rows dim"]], *, form: Form = "paper") -> Scalar:
    """Σ_{m<n} f₊ᵐ · f₊ⁿ, averaged over the rows (Zhang and Wang, CVPR 2023, eq. 6), of the embeddings that each branch
    generates of the same images, without the originals; of one branch the loss is 0.

    The embeddings are not scaled to unit length. The loss is bounded from below only where they cannot be negative,
    such as pooled maps behind a ReLU. The paper does not say what is averaged over; form "release" divides by the rows
    of all branches and the originals together, which is the mean over images divided by (number of branches + 1).
    """
    if not generated:
        raise ValueError("orthogonal takes the embeddings of at least one generated branch; there is none.")
    total = generated[0].new_zeros(())
    for one, another in combinations(generated, 2):
        total = total + (one * another).sum(dim=1).mean()
    return total / (len(generated) + 1) if form == "release" else total
