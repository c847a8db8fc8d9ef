"""The parts PE, NE and CI of IRD, DEN's intra-identity representation diversification; PE + NE is eq. 5.

Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
WACV 2024, section 3.2 and equations 5 to 9. The margins stand in a supplement that is not public: they are arguments.

Both modalities of a pair are treated alike, each with its own centres ("by performing this process for both visible
and infrared modality"), and the two directions are added.
"""

import torch
from torch import Tensor

from vireid_lib.reid.losses.distances import check_same_identities, norm
from vireid_lib.reid.losses.shapes import Infrared, InfraredLabels, Rows, Scalar, Visible, VisibleLabels


def positive_enhancement(
    one: Visible, other: Infrared, labels: VisibleLabels, other_labels: InfraredLabels, *, margin: float
) -> Scalar:
    """PE (eq. 6): draw an identity's two centres together, push each centre's nearest own image away from it.

    (1/P) Σ_i max(0, d(c_i, c'_i) − min_k d(c_i, f_ik) + margin), plus the same with the modalities exchanged, with c_i,
    c'_i the mean features of identity i in the one and in the other modality, f_ik its images in the one, and d the
    Euclidean distance. (The printed superscripts would let c_i of visible be near an infrared image; the text says
    "within the intra-modality", and so it is here.) Raises ValueError: an identity is in one modality only.
    """
    (centres, members), (opposite, other_members) = _both_centres(one, other, labels, other_labels)
    return _hinges(norm(centres - opposite), margin, (centres, one, ~members), (opposite, other, ~other_members))


def negative_enhancement(
    one: Visible, other: Infrared, labels: VisibleLabels, other_labels: InfraredLabels, *, margin: float
) -> Scalar:
    """NE (eq. 7): keep an identity's two centres nearer to each other than to any other identity's centre.

    (1/P) Σ_i max(0, d(c_i, c'_i) − min_{j≠i} min(d(c_i, c_j), d(c_i, c'_j)) + margin), plus the same with the
    modalities exchanged. The paper prints eq. 6 again as eq. 7; this is what its text says (section 3.2: "the
    separation of the intra-identity center feature from those of other identities", i and j different).

    Args and errors: as `positive_enhancement`; there must be two identities.
    """
    (centres, _), (opposite, _) = _both_centres(one, other, labels, other_labels)
    if len(centres) < 2:
        raise ValueError("negative_enhancement: one identity only; raise the number of identities in a batch.")
    apart = norm(centres - opposite)
    itself = torch.eye(len(centres), dtype=torch.bool, device=one.device).repeat(1, 2)
    both = torch.cat((centres, opposite))
    return _hinges(apart, margin, (centres, both, itself), (opposite, both, itself))


def colour_invariance(hue_grey: Rows, visible: Rows) -> Scalar:
    """CI (eq. 8): mean distance between HueGray images' features and, row by row, those of their visible originals."""
    return norm(hue_grey - visible).mean()


def _hinges(apart: Tensor, margin: float, *sides: tuple[Tensor, Tensor, Tensor]) -> Scalar:
    """Σ max(0, apart − distance to the nearest row + margin), the mean over identities for each side: its centres
    [P, d], the rows [n, d], and a mask [P, n] of those that do not count."""
    nearest = (
        norm(centres[:, None] - rows).masked_fill(left_out, torch.inf).amin(1) for centres, rows, left_out in sides
    )
    return sum((apart - each + margin).clamp(min=0).mean() for each in nearest)


def _both_centres(
    one: Tensor, other: Tensor, labels: Tensor, other_labels: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(centres [P, d], mask of each identity's rows [P, n]) of either modality, identities in ascending order."""
    names = labels.unique()
    check_same_identities(names, other_labels.unique())
    found = []
    for rows, own in ((one, labels), (other, other_labels)):
        members = names[:, None] == own[None, :]
        share = members.to(rows.dtype)
        found.append(((share / share.sum(dim=1, keepdim=True)) @ rows, members))
    return found[0], found[1]
