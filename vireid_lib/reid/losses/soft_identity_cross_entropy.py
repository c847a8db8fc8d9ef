"""Soft identification loss of DART: cross-entropy weighted by how sure the label is."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def soft_identity_cross_entropy(
    logits: Float[Tensor, "n identities"],
    labels: Int[Tensor, " n"],
    confidence: Float[Tensor, " n"],
    *,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Σ_i w_i · CE_i / n, with w the probability that label i is right (Yang et al. 2022, soft identification).

    As released, the divisor is the number of rows, not Σ w: a batch of doubtful labels weighs little.

    Args:
        logits: one column an identity.
        labels: column of each row's identity, 0..C−1, some of them wrong.
        confidence: w, 0..1.
        smoothing: label smoothing of the cross-entropy; DART has none.
    """
    each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    return (confidence * each).mean()
