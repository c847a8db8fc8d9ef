"""Whether synthetic images still show their identity: nearest-neighbour identification, and JSIA-ReID's distance MD."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from vireid_lib.analysis.fidelity import Measure

Features = Float[Tensor, "images dim"]


@dataclass(frozen=True, eq=False)
class Identification:
    """The identity of the nearest gallery image of each query.

    Attributes:
        rank: for each query, the place (1 is best) of its own identity among all identities, each counted once
            by its nearest gallery image; ties count against the query.
        rank_1: share of queries whose own identity comes first. chance: that of guessing.
        by_identity: columns identity, images, rank_1 (share), mean_rank; the worst preserved first.
    """

    rank: Int64[np.ndarray, " queries"]
    rank_1: float
    chance: float
    by_identity: pd.DataFrame


def identify(
    query: Features, query_identities: Sequence[str], gallery: Features, gallery_identities: Sequence[str]
) -> Identification:
    """Rank the identities of the gallery by cosine similarity for each query image. Raises ValueError: a query's
    identity has no gallery image; a feature is not finite."""
    names, columns = np.unique(np.asarray(gallery_identities, dtype=object), return_inverse=True)
    missing = sorted(set(query_identities) - set(names))
    if missing:
        raise ValueError(f"identify: {missing[0]!r} is asked for and has no gallery image ({len(missing)} such).")
    if not (torch.isfinite(query).all() and torch.isfinite(gallery).all()):
        raise ValueError("identify: a feature is not finite; look for the image that it came from.")
    similarity = functional.normalize(query) @ functional.normalize(gallery).T
    best = torch.full((len(query), len(names)), -torch.inf)
    best.scatter_reduce_(1, torch.from_numpy(columns).expand(len(query), -1), similarity, "amax")
    own = torch.from_numpy(np.searchsorted(names, np.asarray(query_identities, dtype=object)))
    rank = (best >= best.gather(1, own[:, None])).sum(1).numpy()
    table = pd.DataFrame({"identity": list(query_identities), "first": rank == 1, "rank": rank})
    by_identity = table.groupby("identity", as_index=False).agg(
        images=("rank", "size"), rank_1=("first", "mean"), mean_rank=("rank", "mean")
    )
    worst_first = by_identity.sort_values(["rank_1", "mean_rank"], ascending=[True, False], kind="stable")
    return Identification(rank, float((rank == 1).mean()), 1 / len(names), worst_first.reset_index(drop=True))


def identity_distance(a: Features, a_identities: Sequence[str], b: Features, b_identities: Sequence[str]) -> float:
    """JSIA-ReID's MD (section 4.5) without known pairs: the mean L2 distance over all pairs of an identity with one
    image in each set, then over the identities that both sets have. The paper does not say of which features; here they
    are L2-normalised, so that 0 is equal, √2 unrelated and 2 opposite. Raises ValueError: no identity is in both sets.
    """
    first, second = np.asarray(a_identities, dtype=object), np.asarray(b_identities, dtype=object)
    shared = sorted(set(first) & set(second))
    if not shared:
        raise ValueError("identity_distance: no identity is in both sets; their names must agree.")
    unit_a, unit_b = functional.normalize(a), functional.normalize(b)
    means = [torch.cdist(unit_a[first == name], unit_b[second == name]).mean() for name in shared]
    return float(torch.stack(means).mean())


def of_people(
    made: Features, gallery: pd.DataFrame, others: Features, rows: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """Whether other images of the same person are a gallery's nearest, and how far they are. `about`: extractor and
    resize rule; `words`: which other images."""
    about = {"images": (len(gallery), len(rows)), **about}
    share = identify(made, gallery["identity"], others, rows["identity"])
    apart = identity_distance(made, gallery["identity"], others, rows["identity"])
    guess = f"guessing gives {share.chance:.3g}"
    return {
        f"identity preservation ({words})": Measure("identity preservation", share.rank_1, note=guess, **about),
        f"distance to {words}": Measure("MD", apart, note=f"to {words}, L2", **about),
    }
