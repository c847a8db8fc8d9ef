"""Centre-guided pair mining (CPM) of DEEN: generated embeddings near the other modality, far from their own."""

import torch
from torch import Tensor

from vireid_lib.reid.losses.distances import check_same_identities, norm
from vireid_lib.reid.losses.shapes import Form, Infrared, InfraredLabels, Scalar, Visible, VisibleLabels


def centre_guided_pair_mining(
    visible: Visible,
    infrared: Infrared,
    generated_visible: Visible,
    generated_infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 0.2,
    form: Form = "paper",
) -> Scalar:
    """The loss of one generated branch (Zhang and Wang, CVPR 2023, eq. 3 to 5), with D the Euclidean distance of
    embeddings before the BN neck, and c the mean of an identity's rows; `generated_*` are the branch's, row by row.

    Paper: from the visible side, with centres c of the identities j and k ≠ j,

        [D(c_n^j, c_v+^j) − D(c_v^j, c_v+^j) − D(c_v^j, c_v^k) + α]₊ ,

    and the same with the modalities exchanged; the sum of both. The paper does not say over which pairs: here
    the mean over all of a batch.

    Release: half the sum of both sides, and three hinges a side, each the mean over the identities: [D(c_n, c_v+) −
    D(c_v, c_v+) + α]₊ with a second distance that carries no gradient, so that nothing pushes the generated embedding
    away; and half of [D(c_n, c_v+) − nearest + α]₊ for the nearest centre of another identity, once among the generated
    and once among the original ones. Its α is 0.2 whatever margin it is given. Raises ValueError: a batch of one
    identity, or identities that lack a modality (checked on the CPU).
    """
    if visible_labels.device.type == "cpu":  # asking a GPU would make it wait at each step
        check_same_identities(names := visible_labels.unique(), infrared_labels.unique())
        if len(names) < 2:
            raise ValueError("All images of the batch show the same identity: CPM needs at least two.")
    other = visible_labels[:, None] != visible_labels[None, :]
    of_visible, of_infrared = (visible, visible_labels), (infrared, infrared_labels)
    sides = [
        # One centre for each visible row rather than one an identity: as many rows in every batch, and the
        # same means as long as each identity has as many images.
        _side(*(_centres(visible_labels, *each) for each in (own, opposite, generated)), other, margin, form)
        for own, opposite, generated in (
            (of_visible, of_infrared, (generated_visible, visible_labels)),
            (of_infrared, of_visible, (generated_infrared, infrared_labels)),
        )
    ]
    return sides[0] + sides[1] if form == "paper" else (sides[0] + sides[1]) / 2


def _side(own: Tensor, opposite: Tensor, generated: Tensor, other: Tensor, margin: float, form: Form) -> Tensor:
    towards, away = norm(opposite - generated), norm(own - generated)
    between = norm(own[:, None] - own[None, :])
    if form == "paper":
        hinges = ((towards - away)[:, None] - between + margin).clamp(min=0)
        return torch.where(other, hinges, 0.0).sum() / other.sum()
    nearest = torch.where(other, between, torch.inf).min(dim=1).values
    among_generated = norm(generated[:, None] - generated[None, :])
    nearest_generated = torch.where(other, among_generated, torch.inf).min(dim=1).values
    terms = ((away.detach(), 1.0), (nearest_generated, 0.5), (nearest, 0.5))
    return sum(share * (towards - far + margin).clamp(min=0).mean() for far, share in terms)


def _centres(wanted: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
    """Mean of the rows of each wanted label."""
    chosen = (wanted[:, None] == labels[None, :]).to(rows.dtype)
    return chosen @ rows / chosen.sum(dim=1, keepdim=True)
