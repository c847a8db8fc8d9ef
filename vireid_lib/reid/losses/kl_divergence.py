"""Kullback-Leibler divergence between the identity predictions for two views, as CAJ's and DART's releases do."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def kl_divergence(
    logits: Float[Tensor, "n identities"], target: Float[Tensor, "n identities"], *, temperature: float = 3.0
) -> Float[Tensor, ""]:
    """T² Σ_c q_c (log q_c − log p_c), averaged over the rows, with p, q the softmaxes of logits / T.

    Args:
        logits: of the view that learns, p.
        target: of the view that it learns from, q; gets no gradient. 1e-7 is added to q, as in the release.
        temperature: T; the larger, the more the small probabilities count.
    """
    log_p = F.log_softmax(logits / temperature, dim=1)
    q = F.softmax(target.detach() / temperature, dim=1) + 1e-7
    return F.kl_div(log_p, q, reduction="sum") * temperature**2 / len(logits)
