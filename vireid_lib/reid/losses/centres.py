"""Centres of identities, as the losses that compare centres use them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def identity_centres(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"]
) -> tuple[Float[Tensor, "identities d"], Int[Tensor, " identities"]]:
    """The mean feature of each identity, and the identities' labels in ascending order."""
    names, place = labels.unique(return_inverse=True)
    sums = features.new_zeros(len(names), features.shape[1]).index_add(0, place, features)
    counts = torch.bincount(place, minlength=len(names)).to(features.dtype)
    return sums / counts[:, None], names


def check_same_identities(visible: Int[Tensor, " v"], infrared: Int[Tensor, " i"]) -> None:
    """Refuse a batch in which an identity, given by its label, is seen in one modality only."""
    if not torch.equal(visible, infrared):
        seen, other = set(visible.tolist()), set(infrared.tolist())
        label = min(seen ^ other)
        here, lacking = ("visible", "infrared") if label in seen else ("infrared", "visible")
        raise ValueError(
            f"Label {label} has {here} images in the batch and no {lacking} one: a loss that brings the "
            "modalities together needs both of each identity."
        )
