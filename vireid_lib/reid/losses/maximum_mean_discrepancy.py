"""Maximum mean discrepancy (MMD): how differently two modalities' features are distributed; also by identity."""

import torch

from vireid_lib.reid.losses.distances import check_same_identities
from vireid_lib.reid.losses.shapes import Infrared, InfraredLabels, Scalar, Visible, VisibleLabels

KERNELS = 5  # Gaussians, each twice as wide as the one before, around the mean squared distance


def maximum_mean_discrepancy(visible: Visible, infrared: Infrared) -> Scalar:
    """mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y) over all pairs; k is a sum of five Gaussians exp(−‖·‖² / b).

    The bandwidths b are ¼, ½, 1, 2 and 4 times the mean squared distance between two different rows of the
    batch, as a constant, so that the loss does not depend on the features' scale; 0 for equal distributions,
    10 at most. Each row's pair with itself counts, as in the release.

    Source: Gretton et al., A Kernel Two-Sample Test, 2012; Jambigi, Rawal, Chakraborty, MMD-ReID, BMVC 2021.
    """
    rows, first = torch.cat((visible, infrared)), len(visible)
    squared = (rows[:, None] - rows[None, :]).square().sum(dim=2)
    total = len(rows)
    bandwidth = squared.detach().sum() / (total * (total - 1))
    widths = [bandwidth * 2.0 ** (power - KERNELS // 2) + 1e-9 for power in range(KERNELS)]
    kernel = sum((-squared / width).exp() for width in widths)
    within = kernel[:first, :first].mean() + kernel[first:, first:].mean()
    return within - 2 * kernel[:first, first:].mean()


def margin_mmd(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 1.4,
) -> Scalar:
    """Margin MMD-ID of MMD-ReID: Σ_p MMD_p [MMD_p > margin] / P, over the P identities.

    The margin is a gate, as in the release: above it the whole discrepancy counts, not what exceeds the margin, so that
    identities whose modalities are close enough are left alone. A margin of 0 lets every identity count. Raises
    ValueError: an identity is in one modality only.
    """
    names = visible_labels.unique()
    check_same_identities(names, infrared_labels.unique())
    discrepancies = torch.stack(
        [maximum_mean_discrepancy(visible[visible_labels == name], infrared[infrared_labels == name]) for name in names]
    )
    return torch.where(discrepancies > margin, discrepancies, 0.0).mean()
