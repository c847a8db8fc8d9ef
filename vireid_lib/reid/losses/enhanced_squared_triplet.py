"""Enhanced squared-difference triplet loss of CAJ: WRT whose gap between positive and negative is squared."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.weighted_regularized_triplet import weighted_distances

LARGEST_GAP = 88.0  # the release's bound: beyond it, exp overflows in float32


def enhanced_squared_triplet(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    *,
    sharpness: float = 1.0,
    scale: float = 1.0,
    squared: bool = True,
) -> Float[Tensor, ""]:
    """log(1 + exp(±γ (d⁺_i − d⁻_i)²)), averaged over the anchors i, + where d⁺_i > d⁻_i and − elsewhere.

    d⁺ and d⁻ are WRT's weighted distances (`weighted_distances`); squaring makes far-off anchors count more.
    γ (d⁺ − d⁻)² is cut off at 88. An anchor that is cut off has no gradient: where all are, training stands
    still at a loss of 88, the known collapse of this loss.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, enhanced channel-mixed learning; the numbers
    are the release's (ICCV21_CAJ, TripletLoss_ADP).

    Args:
        features: rows of both modalities and of all views (visible, channel-augmented visible, infrared).
        labels: identity of each row.
        sharpness: of the weights; the release's alpha.
        scale: γ, the release's gamma.
        squared: False leaves the gap as it is, not cut off: WRT, for a sharpness and scale of 1.
    """
    furthest, closest = weighted_distances(features, labels, sharpness=sharpness)
    gap = furthest - closest
    if not squared:
        return F.softplus(scale * gap).mean()
    size = (scale * gap.square()).clamp(max=LARGEST_GAP)
    return F.softplus(torch.where(gap > 0, size, -size)).mean()
