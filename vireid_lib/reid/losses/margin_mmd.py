"""Margin MMD-ID, the loss of MMD-ReID: each identity's MMD between the modalities, as long as it is large."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.centres import check_same_identities
from vireid_lib.reid.losses.maximum_mean_discrepancy import maximum_mean_discrepancy


def margin_mmd(
    visible: Float[Tensor, "v d"],
    infrared: Float[Tensor, "i d"],
    visible_labels: Int[Tensor, " v"],
    infrared_labels: Int[Tensor, " i"],
    *,
    margin: float = 1.4,
) -> Float[Tensor, ""]:
    """Σ_p MMD_p [MMD_p > margin] / P: the mean over the P identities, those at or below the margin counting 0.

    The margin is a gate: above it the whole discrepancy counts, not what exceeds the margin. That leaves an
    identity whose modalities are close enough alone. Source: Jambigi, Rawal, Chakraborty, MMD-ReID, BMVC 2021;
    the gate is that of the release.

    Args:
        visible, infrared: features of the two modalities; the counts need not be equal.
        visible_labels, infrared_labels: identity of each row.
        margin: 0 lets every identity count.

    Raises:
        ValueError: an identity is in one modality only.
    """
    names = visible_labels.unique()
    check_same_identities(names, infrared_labels.unique())
    discrepancies = torch.stack(
        [maximum_mean_discrepancy(visible[visible_labels == name], infrared[infrared_labels == name]) for name in names]
    )
    return torch.where(discrepancies > margin, discrepancies, 0.0).mean()
