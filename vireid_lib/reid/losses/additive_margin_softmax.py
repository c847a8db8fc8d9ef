"""Cross-entropy of cosines in which the right class has to win by a margin."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def additive_margin_softmax(
    cosines: Float[Tensor, "n identities"], labels: Int[Tensor, " n"], *, scale: float = 16.0, margin: float = 0.35
) -> Float[Tensor, ""]:
    """Cross-entropy of s·(cos θ − m·one-hot), averaged over the rows (Wang et al., Additive Margin Softmax for
    Face Verification, 2018, eq. 6).

    Args:
        cosines: between each row and each identity's weight, both of unit length.
        labels: column of each row's identity.
        scale: s, of the cosines.
        margin: m, taken off the cosine of the right identity.
    """
    margins = F.one_hot(labels, cosines.shape[1]).to(cosines.dtype) * margin
    return F.cross_entropy(scale * (cosines - margins), labels)
