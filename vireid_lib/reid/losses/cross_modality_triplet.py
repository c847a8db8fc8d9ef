"""Batch-hard triplet loss across modalities alone, as JSIA-ReID's release has it."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def cross_modality_triplet(
    visible: Float[Tensor, "n d"],
    infrared: Float[Tensor, "m d"],
    visible_labels: Int[Tensor, " n"],
    infrared_labels: Int[Tensor, " m"],
    *,
    margin: float = 0.3,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Float[Tensor, ""]:
    """max(0, max_p d(a, p) − min_n d(a, n) + margin), positives and negatives of the other modality than the anchor,
    averaged over visible anchors, over infrared ones, and then over the two.

    Args:
        metric: "cosine" takes minus the cosine for d.

    Raises:
        ValueError: an image has no positive or no negative in the other modality.
    """
    if metric == "euclidean":
        distances = (visible[:, None] - infrared).square().sum(2).clamp(min=1e-12).sqrt()
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
