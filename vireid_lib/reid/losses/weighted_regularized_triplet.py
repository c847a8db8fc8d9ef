"""Weighted regularised triplet loss (WRT) of AGW: all pairs count, the hard ones more, no margin."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity


def weighted_regularized_triplet(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], *, normalize: bool = False
) -> Float[Tensor, ""]:
    """log(1 + exp(Σ_j w⁺_ij d_ij − Σ_k w⁻_ik d_ik)), averaged over the anchors i (Ye et al. 2021, eq. 3, 4).

    Args:
        features: rows of both modalities, before the BN neck.
        labels: identity of each row.
        normalize: scale the rows to unit length first.
    """
    if normalize:
        features = features / (features.norm(dim=1, keepdim=True) + 1e-12)
    furthest, closest = weighted_distances(features, labels)
    return F.softplus(furthest - closest).mean()


def weighted_distances(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], *, sharpness: float = 1.0
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Each row's weighted distance Σ_j w⁺_ij d_ij to its own identity, and Σ_k w⁻_ik d_ik to the others.

    w⁺ is a softmax of the distances to the same identity (the anchor itself included), w⁻ a softmax of the
    negated distances to others; the weights carry a gradient. As in the release, 1e-6 is added to the
    normalisers, and the negative's exponentials are not shifted by their maximum: when every other identity
    is more than about 14 away, the negative term therefore fades, which keeps distances from growing.

    Args:
        sharpness: factor on the distances inside the softmaxes; the larger, the more the hardest pair counts
            (`alpha` in CAJ's release).
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
