"""Centre cluster loss: each image close to the centre of its identity, the centres apart (MPANet)."""

from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity


def centre_cluster(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], *, margin: float = 0.7
) -> Float[Tensor, ""]:
    """1/n Σ_i ‖x_i − c_y(i)‖ + 1/(P(P−1)) Σ_{p≠q} max(0, m − ‖c_p − c_q‖), c_p the mean of identity p's rows.

    Both terms carry a gradient through the centres. The released code assumes P blocks of equally many rows;
    here the rows may stand in any order, and an identity may have any number of them.

    Args:
        features: rows of both modalities, before the BN neck; the centres are those of both together.
        labels: identity of each row.
        margin: m, in units of the Euclidean distance (0.7 in the released configurations).

    Source: Wu et al., Discover Cross-Modality Nuances for Visible-Infrared Person Re-Identification, CVPR 2021.
    """
    same = same_identity(labels, features).to(features.dtype)
    share = 1 / same.sum(dim=1, keepdim=True)  # of a row in its identity; summed over all rows, it counts them
    centres = (same * share) @ features  # each row's own; numbering identities would make a GPU wait
    near = (features - centres).norm(dim=1).mean()
    short = (margin - pairwise_distances(centres)).clamp(min=0)
    identities = share.sum()
    apart = (short * (1 - same) * share * share.t()).sum() / (identities * (identities - 1))
    return near + apart
