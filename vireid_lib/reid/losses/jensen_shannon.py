"""Jensen-Shannon divergence: how much two classifiers disagree, without taking either's side."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def jensen_shannon(first: Float[Tensor, "n identities"], second: Float[Tensor, "n identities"]) -> Float[Tensor, ""]:
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, averaged over the rows; p and q are the logits' softmax.

    In nats, between 0 and log 2. Both arguments get a gradient.
    """
    p, q = F.log_softmax(first, dim=1), F.log_softmax(second, dim=1)
    middle = torch.logaddexp(p, q) - torch.log(p.new_tensor(2.0))
    return sum(F.kl_div(middle, side, reduction="batchmean", log_target=True) for side in (p, q)) / 2
