"""Hetero-centre triplet loss: the hard triplet between centres of identities instead of images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.distances import check_same_identities
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.shapes import Infrared, InfraredLabels, Labels, Rows, Scalar, Visible, VisibleLabels


def hetero_centre_triplet(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 0.3,
) -> Scalar:
    """max(0, d(c, c⁺) − min d(c, c⁻) + margin), averaged over the centres c of each identity and modality.

    c⁺ is the centre of the same identity in the other modality, c⁻ any centre of another identity. Source: Liu, Tan,
    Zhou, Parameter Sharing Exploration and Hetero-Center Triplet Loss for Visible-Thermal Person Re-Identification,
    2020; its released loss. Raises ValueError: an identity is in one modality only, or there is only one.
    """
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
