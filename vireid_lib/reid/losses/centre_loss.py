"""Centre loss: squared distance of each row to a learnt centre of its identity."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor


def centre_loss(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    centres: Float[Tensor, "identities d"],
    *,
    form: Literal["paper", "release"] = "paper",
) -> Float[Tensor, ""]:
    """1/n Σ_i ‖x_i − c_y(i)‖² (Wen et al., A Discriminative Feature Learning Approach, ECCV 2016, eq. 2,
    without its ½ and as a mean).

    Args:
        features: one row an image.
        labels: row of `centres` that belongs to each image.
        centres: learnt with the network.
        form: "release" divides by the number of identities once more, as MPANet's code does: with SYSU-MM01's
            395 identities, the same weight then means 395 times less.
    """
    rows = (features - centres[labels]).square().sum(dim=1).mean()
    return rows / len(centres) if form == "release" else rows
