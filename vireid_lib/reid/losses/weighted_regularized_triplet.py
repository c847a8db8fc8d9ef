"""Triplet losses in which all pairs count, hard ones more: AGW's weighted regularised one (WRT), CAJ's squared one."""

import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity
from vireid_lib.reid.losses.shapes import Labels, PerRow, Rows, Scalar

LARGEST_GAP = 88.0  # of CAJ's release: beyond it, exp overflows in float32


def weighted_regularized_triplet(features: Rows, labels: Labels, *, normalize: bool = False) -> Scalar:
    """log(1 + exp(Σ_j w⁺_ij d_ij − Σ_k w⁻_ik d_ik)), averaged over the anchors i (Ye et al. 2021, eq. 3, 4), for rows
    of both modalities, before the BN neck; `normalize` scales them to unit length first."""
    if normalize:
        features = features / (features.norm(dim=1, keepdim=True) + 1e-12)
    furthest, closest = weighted_distances(features, labels)
    return F.softplus(furthest - closest).mean()


def enhanced_squared_triplet(
    features: Rows, labels: Labels, *, sharpness: float = 1.0, scale: float = 1.0, squared: bool = True
) -> Scalar:
    """log(1 + exp(±γ (d⁺_i − d⁻_i)²)), averaged over the anchors i, + where d⁺_i > d⁻_i and − elsewhere.

    d⁺ and d⁻ are WRT's weighted distances; squaring makes far-off anchors count more. γ (d⁺ − d⁻)² is cut off at 88. An
    anchor that is cut off has no gradient: where all are, training stands still at a loss of 88, the known collapse of
    this loss.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, enhanced channel-mixed learning; the numbers are the
    release's (ICCV21_CAJ, TripletLoss_ADP).

    Args:
        features: rows of both modalities and of all views (visible, channel-augmented visible, infrared).
        sharpness, scale: of the weights, and γ; the release's alpha and gamma.
        squared: False leaves the gap as it is, not cut off: WRT, for a sharpness and scale of 1.
    """
    furthest, closest = weighted_distances(features, labels, sharpness=sharpness)
    gap = furthest - closest
    if not squared:
        return F.softplus(scale * gap).mean()
    size = (scale * gap.square()).clamp(max=LARGEST_GAP)
    return F.softplus(torch.where(gap > 0, size, -size)).mean()


def weighted_distances(features: Rows, labels: Labels, *, sharpness: float = 1.0) -> tuple[PerRow, PerRow]:
    """Each row's weighted distance Σ_j w⁺_ij d_ij to its own identity, and Σ_k w⁻_ik d_ik to the others; both [n].

    w⁺ is a softmax of the distances to the same identity (the anchor itself included), w⁻ a softmax of the negated
    distances to others, the distances times `sharpness`; the weights carry a gradient. As in the release, 1e-6 is added
    to the normalisers, and the negative's exponentials are not shifted by their maximum: when every other identity is
    more than about 14 away, the negative term therefore fades, which keeps distances from growing.
    """
    distances = pairwise_distances(features)
    same = same_identity(labels, features)
    positive = torch.where(same, distances, 0.0)
    largest = positive.max(dim=1, keepdim=True).values
    towards = torch.where(same, (sharpness * (positive - largest)).exp(), 0.0)
    away = torch.where(same, 0.0, (-sharpness * distances).exp())
    furthest = (positive * towards).sum(dim=1) / (towards.sum(dim=1) + 1e-6)
    closest = (distances * away).sum(dim=1) / (away.sum(dim=1) + 1e-6)
    return furthest, closest
