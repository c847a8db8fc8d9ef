"""Batch-hard triplet loss across modalities alone, as JSIA-ReID's release has it."""

from typing import Literal

import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.distances import norm
from vireid_lib.reid.losses.shapes import Infrared, InfraredLabels, Scalar, Visible, VisibleLabels


def cross_modality_triplet(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 0.3,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Scalar:
    """max(0, max_p d(a, p) − min_n d(a, n) + margin), positives and negatives of the other modality than the anchor,
    averaged over visible anchors, over infrared ones, and then over the two; metric "cosine" takes minus the cosine for
    d. Raises ValueError: an image has no positive or no negative in the other modality."""
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
