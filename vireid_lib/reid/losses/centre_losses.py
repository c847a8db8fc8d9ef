"""MPANet's losses of an identity's centre: the centre cluster loss, and the centre loss with learnt centres."""

from jaxtyping import Float
from torch import Tensor

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity
from vireid_lib.reid.losses.shapes import Form, Labels, Rows, Scalar


def centre_cluster(features: Rows, labels: Labels, *, margin: float = 0.7) -> Scalar:
    """1/n Σ_i ‖x_i − c_y(i)‖ + 1/(P(P−1)) Σ_{p≠q} max(0, m − ‖c_p − c_q‖), c_p the mean of identity p's rows of both
    modalities, before the BN neck (Wu et al., Discover Cross-Modality Nuances, CVPR 2021); the margin m is 0.7 in the
    released configurations. Both terms carry a gradient through the centres. The rows may stand in any order, and an
    identity may have any number of them (the released code assumes P blocks of equally many)."""
    same = same_identity(labels, features).to(features.dtype)
    share = 1 / same.sum(dim=1, keepdim=True)  # of a row in its identity; summed over all rows, it counts them
    centres = (same * share) @ features  # each row's own; numbering identities would make a GPU wait
    near = (features - centres).norm(dim=1).mean()
    short = (margin - pairwise_distances(centres)).clamp(min=0)
    identities = share.sum()
    apart = (short * (1 - same) * share * share.t()).sum() / (identities * (identities - 1))
    return near + apart


def centre_loss(
    features: Rows, labels: Labels, centres: Float[Tensor, "identities d"], *, form: Form = "paper"
) -> Scalar:
    """1/n Σ_i ‖x_i − c_y(i)‖² (Wen et al., A Discriminative Feature Learning Approach, ECCV 2016, eq. 2 without its ½),
    with centres that are learnt with the network. Form "release" divides by the number of identities once more, as
    MPANet's code does."""
    rows = (features - centres[labels]).square().sum(dim=1).mean()
    return rows / len(centres) if form == "release" else rows
