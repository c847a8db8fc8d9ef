"""How far apart two images of one person are: the MD of JSIA-ReID, of pairs and of galleries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def paired_distance(a: Float[Tensor, "pairs dim"], b: Float[Tensor, "pairs dim"]) -> float:
    """MD, the mean L2 distance between the two images of a pair (JSIA-ReID, section 4.5, Table 4): an image and its
    translation, or two that were made of one latent.

    The paper does not say between which features; here they are L2-normalised, so that 0 is equal, √2 unrelated and
    2 opposite.

    Raises:
        ValueError: the rows do not pair.
    """
    if a.shape != b.shape or not len(a):
        raise ValueError(f"paired_distance of {tuple(a.shape)} and {tuple(b.shape)}: give a partner for each row.")
    return float((functional.normalize(a) - functional.normalize(b)).norm(dim=1).mean())


def identity_distance(
    a: Float[Tensor, "n dim"], a_identities: Sequence[str], b: Float[Tensor, "m dim"], b_identities: Sequence[str]
) -> float:
    """MD where nobody knows which image belongs to which: the mean over all pairs of an identity with one image in each
    set, then over the identities that both sets have; features L2-normalised.

    Raises:
        ValueError: no identity is in both sets.
    """
    first, second = np.asarray(a_identities, dtype=object), np.asarray(b_identities, dtype=object)
    shared = sorted(set(first) & set(second))
    if not shared:
        raise ValueError("identity_distance: no identity is in both sets; their names must agree.")
    unit_a, unit_b = functional.normalize(a), functional.normalize(b)
    means = [
        torch.cdist(unit_a[torch.from_numpy(first == name)], unit_b[torch.from_numpy(second == name)]).mean()
        for name in shared
    ]
    return float(torch.stack(means).mean())
