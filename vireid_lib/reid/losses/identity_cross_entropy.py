"""Cross-entropy of the identity classifier, with or without label smoothing."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def identity_cross_entropy(
    logits: Float[Tensor, "n identities"], labels: Int[Tensor, " n"], *, smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """−Σ_c t_c log softmax(logits)_c, averaged over the rows, with t = (1 − ε) one-hot + ε / C.

    Args:
        logits: one column an identity.
        labels: column of each row's identity, 0..C−1.
        smoothing: ε; 0 is plain cross-entropy (AGW), 0.1 the usual smoothing (Szegedy et al. 2016).

    Raises:
        ValueError: a label is outside 0..C−1 (checked on the CPU; a GPU would have to wait for it).
    """
    classes = logits.shape[1]
    if labels.device.type == "cpu" and len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"Labels run from {int(labels.min())} to {int(labels.max())}, but the classifier has {classes} "
            "identities: number them 0, 1, 2, … without gaps (vireid_lib.data.tables.identity_labels)."
        )
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)
