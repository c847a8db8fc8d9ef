"""Batch-hard triplet loss: the furthest image of the same identity against the closest of another."""

import torch

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity
from vireid_lib.reid.losses.shapes import Labels, Rows, Scalar


def hard_triplet(features: Rows, labels: Labels, *, margin: float = 0.3) -> Scalar:
    """max(0, max_p d(a, p) − min_n d(a, n) + margin), averaged over the anchors a, with the Euclidean distance d;
    positives and negatives are of either modality (Hermans et al. 2017)."""
    distances = pairwise_distances(features)
    same = same_identity(labels, features)
    furthest = torch.where(same, distances, 0.0).max(dim=1).values
    closest = torch.where(same, torch.inf, distances).min(dim=1).values
    return (furthest - closest + margin).clamp(min=0).mean()
