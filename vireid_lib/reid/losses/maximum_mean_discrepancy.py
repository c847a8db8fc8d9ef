"""Maximum mean discrepancy (MMD): how differently the features of two modalities are distributed."""

from jaxtyping import Float
from torch import Tensor, cat

KERNELS = 5  # Gaussians, each twice as wide as the one before, around the mean squared distance


def maximum_mean_discrepancy(visible: Float[Tensor, "v d"], infrared: Float[Tensor, "i d"]) -> Float[Tensor, ""]:
    """mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y) over all pairs; k is a sum of five Gaussians exp(−‖·‖² / b).

    The bandwidths b are ¼, ½, 1, 2 and 4 times the mean squared distance between two different rows of the
    batch, as a constant, so that the loss does not depend on the features' scale; 0 for equal distributions,
    10 at most. Each row's pair with itself counts, as in the release.

    Source: Gretton et al., A Kernel Two-Sample Test, 2012; Jambigi, Rawal, Chakraborty, MMD-ReID, BMVC 2021.
    """
    rows, first = cat((visible, infrared)), len(visible)
    squared = (rows[:, None] - rows[None, :]).square().sum(dim=2)
    total = len(rows)
    bandwidth = squared.detach().sum() / (total * (total - 1))
    widths = [bandwidth * 2.0 ** (power - KERNELS // 2) + 1e-9 for power in range(KERNELS)]
    kernel = sum((-squared / width).exp() for width in widths)
    within = kernel[:first, :first].mean() + kernel[first:, first:].mean()
    return within - 2 * kernel[:first, first:].mean()
