"""Cross-entropies of the identity classifier: plain or smoothed, weighted by confidence (DART), with a margin."""

import torch.nn.functional as F

from vireid_lib.reid.losses.shapes import Labels, Logits, PerRow, Scalar


def identity_cross_entropy(logits: Logits, labels: Labels, *, smoothing: float = 0.0) -> Scalar:
    """−Σ_c t_c log softmax(logits)_c, averaged over the rows, with t = (1 − ε) one-hot + ε / C; ε, the smoothing, is 0
    in AGW, 0.1 in Szegedy et al. 2016. Raises ValueError: a label is outside 0..C−1 (checked on the CPU; a GPU would
    have to wait for it)."""
    classes = logits.shape[1]
    if labels.device.type == "cpu" and len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"Labels run from {int(labels.min())} to {int(labels.max())}, but the classifier has {classes} "
            "identities: number them 0, 1, 2, … without gaps (vireid_lib.data.tables.identity_labels)."
        )
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def soft_identity_cross_entropy(
    logits: Logits, labels: Labels, confidence: PerRow, *, smoothing: float = 0.0
) -> Scalar:
    """Σ_i w_i · CE_i / n, with w in 0..1 the probability that label i is right (DART, Yang et al. 2022, soft
    identification). As released, the divisor is the number of rows, not Σ w: a batch of doubtful labels weighs
    little."""
    each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    return (confidence * each).mean()


def additive_margin_softmax(cosines: Logits, labels: Labels, *, scale: float = 16.0, margin: float = 0.35) -> Scalar:
    """Cross-entropy of s·(cos θ − m·one-hot), averaged over the rows: the right class has to win by a margin (Wang et
    al., Additive Margin Softmax for Face Verification, 2018, eq. 6). The cosines are between each row and each
    identity's weight; `scale` and `margin` are s and m."""
    margins = F.one_hot(labels, cosines.shape[1]).to(cosines.dtype) * margin
    return F.cross_entropy(scale * (cosines - margins), labels)
