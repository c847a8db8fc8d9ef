"""Triplet losses: batch-hard (of images, across modalities, of centres), AGW's weighted regularised, CAJ's squared."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.distances import check_same_identities, norm, pairwise_distances, same_identity
from vireid_lib.reid.losses.shapes import Infrared, InfraredLabels, Labels, Rows, Scalar, Visible, VisibleLabels

LARGEST_GAP = 88.0  # of CAJ's release: beyond it, exp overflows in float32


def hard_triplet(features: Rows, labels: Labels, *, margin: float = 0.3) -> Scalar:
    """max(0, max_p d(a, p) − min_n d(a, n) + margin), averaged over the anchors a, with the Euclidean distance d;
    positives and negatives are of either modality (Hermans et al. 2017)."""
    distances = pairwise_distances(features)
    same = same_identity(labels, features)
    furthest = torch.where(same, distances, 0.0).max(dim=1).values
    closest = torch.where(same, torch.inf, distances).min(dim=1).values
    return (furthest - closest + margin).clamp(min=0).mean()


def cross_modality_triplet(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 0.3,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Scalar:
    """The hard triplet of JSIA-ReID's release: positives and negatives are of the other modality than the anchor. The
    mean over visible anchors, over infrared ones, and then over the two; metric "cosine" takes minus the cosine for d.
    Raises ValueError: an image has no positive or no negative in the other modality."""
    if metric == "euclidean":
        distances = norm(visible[:, None] - infrared)
    else:
        distances = -F.normalize(visible) @ F.normalize(infrared).t()
    same = visible_labels[:, None] == infrared_labels
    if same.device.type == "cpu" and not all(bool(mask.any(axis).all()) for mask in (same, ~same) for axis in (0, 1)):
        raise ValueError("An image has no positive or no negative of the other modality: sample identities in pairs.")
    found = []
    for axis in (1, 0):
        furthest = torch.where(same, distances, -torch.inf).amax(axis)
        closest = torch.where(same, torch.inf, distances).amin(axis)
        found.append((furthest - closest + margin).clamp(min=0).mean())
    return (found[0] + found[1]) / 2


def hetero_centre_triplet(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 0.3,
) -> Scalar:
    """The hard triplet of the centres of each identity and modality, of which the positive is the same identity's in
    the other modality (Liu, Tan, Zhou, Parameter Sharing Exploration and Hetero-Center Triplet Loss, 2020; its released
    loss). Raises ValueError: an identity is in one modality only, or there is only one."""
    of_visible, names = identity_centres(visible, visible_labels)
    of_infrared, others = identity_centres(infrared, infrared_labels)
    check_same_identities(names, others)
    return hard_triplet(torch.cat((of_visible, of_infrared)), torch.cat((names, names)), margin=margin)


def identity_centres(
    features: Rows, labels: Labels
) -> tuple[Float[Tensor, "identities d"], Int[Tensor, " identities"]]:
    """The mean feature of each identity, and the identities' labels in ascending order."""
    names, place = labels.unique(return_inverse=True)
    sums = features.new_zeros(len(names), features.shape[1]).index_add(0, place, features)
    counts = torch.bincount(place, minlength=len(names)).to(features.dtype)
    return sums / counts[:, None], names


def weighted_regularized_triplet(features: Rows, labels: Labels, *, normalize: bool = False) -> Scalar:
    """log(1 + exp(Σ_j w⁺_ij d_ij − Σ_k w⁻_ik d_ik)), averaged over the anchors i (Ye et al. 2021, eq. 3, 4), for rows
    of both modalities, before the BN neck; `normalize` scales them to unit length first."""
    if normalize:
        features = features / (features.norm(dim=1, keepdim=True) + 1e-12)
    return enhanced_squared_triplet(features, labels, squared=False)


def enhanced_squared_triplet(
    features: Rows, labels: Labels, *, sharpness: float = 1.0, scale: float = 1.0, squared: bool = True
) -> Scalar:
    """log(1 + exp(±γ (d⁺_i − d⁻_i)²)), averaged over the anchors i, + where d⁺_i > d⁻_i and − elsewhere (Ye et al.,
    Channel Augmented Joint Learning, ICCV 2021; TripletLoss_ADP of its release, with alpha for `sharpness`, gamma for
    γ, `scale`). γ (d⁺ − d⁻)² is cut off at 88. An anchor that is cut off has no gradient: where all are, training
    stands still at a loss of 88, the known collapse of this loss. Not `squared`, the gap is taken as it is, not cut
    off: WRT, for a sharpness and scale of 1.

    d⁺ is each row's weighted distance Σ_j w⁺_ij d_ij to its own identity, d⁻ that to the others. w⁺ is a softmax of the
    distances to the same identity (the anchor itself included), w⁻ a softmax of the negated distances to others, the
    distances times `sharpness`; the weights carry a gradient. As in the release, 1e-6 is added to the normalisers, and
    the negative's exponentials are not shifted by their maximum: when every other identity is more than about 14 away,
    the negative term therefore fades, which keeps distances from growing.
    """
    distances = pairwise_distances(features)
    same = same_identity(labels, features)
    positive = torch.where(same, distances, 0.0)
    largest = positive.max(dim=1, keepdim=True).values
    towards = torch.where(same, (sharpness * (positive - largest)).exp(), 0.0)
    away = torch.where(same, 0.0, (-sharpness * distances).exp())
    furthest = (positive * towards).sum(dim=1) / (towards.sum(dim=1) + 1e-6)
    closest = (distances * away).sum(dim=1) / (away.sum(dim=1) + 1e-6)
    gap = furthest - closest
    if not squared:
        return F.softplus(scale * gap).mean()
    size = (scale * gap.square()).clamp(max=LARGEST_GAP)
    return F.softplus(torch.where(gap > 0, size, -size)).mean()
