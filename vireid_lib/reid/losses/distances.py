"""What several losses share: distances between all rows of a batch, pairs of one identity, checks."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vireid_lib.reid.losses.shapes import InfraredLabels, Rows, VisibleLabels

LEAST_SQUARE = 1e-12  # squared distances below it are raised to it, so that their root has a gradient


def pairwise_distances(features: Rows) -> Float[Tensor, "n n"]:
    """‖x_i − x_j‖; a row's distance to itself is 1e-6, as in the released code."""
    squares = features.square().sum(dim=1)
    squared = squares[:, None] + squares[None, :] - 2 * (features @ features.t())
    return squared.clamp(min=LEAST_SQUARE).sqrt()


def norm(differences: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows"]:
    """Euclidean norm along the last dimension, with a gradient at zero."""
    return differences.square().sum(dim=-1).clamp(min=LEAST_SQUARE).sqrt()


def same_identity(labels: Int[Tensor, " labels"], features: Rows) -> Bool[Tensor, "n n"]:
    """Mask of the pairs with one label, themselves included. Raises ValueError: labels and features differ in number,
    or all labels are the same (there is no negative)."""
    if labels.shape != features.shape[:1]:
        raise ValueError(f"{len(features)} features came with labels of shape {list(labels.shape)}")
    mask = labels[:, None] == labels[None, :]
    if mask.device.type == "cpu" and bool(mask.all()):  # asking a GPU would make it wait at each step
        raise ValueError(f"All {len(labels)} rows are of the same identity: a triplet loss needs at least two.")
    return mask


def check_same_identities(visible: VisibleLabels, infrared: InfraredLabels) -> None:
    """Raise ValueError where an identity, given by its label, is in one modality only. Labels sorted, each once."""
    if not torch.equal(visible, infrared):
        seen, other = set(visible.tolist()), set(infrared.tolist())
        label = min(seen ^ other)
        here, lacking = ("visible", "infrared") if label in seen else ("infrared", "visible")
        raise ValueError(f"Label {label} has {here} images and no {lacking} one in the batch: this loss needs both.")
