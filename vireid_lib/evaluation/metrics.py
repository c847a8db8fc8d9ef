"""CMC, mAP and mINP of a distance matrix under a protocol's rule, in chunks of queries. What each query scores is
counted in `ranking`."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.evaluation.ranking import Ranking, chunks

RANKS = 20  # length of the CMC, as all the released evaluators print it
TIES_MATTER = 0.001  # the last digit of a table in percent


class TiedDistancesWarning(UserWarning):
    """Right and wrong gallery images tie so often that the scores depend on the order of ties."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one ranking.

    Attributes:
        cmc: matching rate at rank 1, 2, ... in 0..1; 20 entries, or as many as there are gallery identities
            (rules that count identities) or gallery images (rules that count images) if those are fewer.
        mean_ap: mean average precision, over images.
        mean_inp: mean inverse negative penalty (Ye et al., AGW, 2021), over images.
        valid_queries: queries with a right image left in the gallery; the means are over these.
        tied_queries: valid queries whose score depends on the order of ties.
    """

    cmc: Float[np.ndarray, " ranks"]
    mean_ap: float
    mean_inp: float
    valid_queries: int
    tied_queries: int = 0

    def rank(self, k: int) -> float:
        """Return the matching rate at rank `k`, 1 to 20; past the end of a shorter CMC all are matched."""
        if not 1 <= k <= RANKS:
            raise ValueError(f"rank {k} is not kept; the CMC holds ranks 1 to {RANKS}")
        return float(self.cmc[min(k, len(self.cmc)) - 1])


def score(
    distances: Tensor | np.ndarray,
    *,
    query_ids: object,
    gallery_ids: object,
    query_cameras: object = None,
    gallery_cameras: object = None,
    rule: str,
) -> Scores:
    """Rank the gallery for every query by ascending distance and score the rankings.

    Average precision is the mean over hits of (number of the hit / its rank), ranks counted among the gallery images
    that the rule leaves. mINP is the mean of (right images / rank of the last one). Queries with no right image left
    are skipped. **Ties are ranked pessimistically**: at equal distance every wrong image (or identity) comes first, so
    that a collapsed embedding cannot score by the order of its gallery; `TiedDistancesWarning` says when the other
    order would change a mean by 0.1 % or more. Raises ValueError: shapes that do not fit, unknown rule, distances that
    are not finite, no valid query at all.

    Args:
        distances: [queries, gallery], smaller is closer, finite; ranked on the device it is on.
        query_ids, gallery_ids: [queries], [gallery] integers or strings.
        query_cameras, gallery_cameras: numbers or names ending in a number ("sysu_mm01/3"); not needed for
            "regdb".
        rule: "sysu-mm01" | "regdb" | "llcm" | "market-1501".
    """
    if not isinstance(distances, Tensor):
        distances = torch.from_numpy(np.ascontiguousarray(distances))
    if not distances.is_floating_point() or distances.element_size() < 4:
        distances = distances.to(torch.float32 if distances.is_floating_point() else torch.float64)
    if distances.ndim != 2 or 0 in distances.shape:
        raise ValueError(f"distances have shape {tuple(distances.shape)}; they must be [queries, gallery], not empty")
    ids, cameras = (query_ids, gallery_ids), (query_cameras, gallery_cameras)
    ranking = Ranking(ids, cameras, rule, shape=tuple(distances.shape))
    for rows in chunks(*distances.shape):
        ranking.add(distances[rows], torch.arange(rows.start, rows.stop))
    return scores_of(ranking)


def scores_of(ranking: Ranking) -> Scores:
    """The means over all queries that were ranked; warns if ties matter. Raises ValueError without a valid query."""
    pessimistic, optimistic, length = ranking.result()
    cmc, better = (
        (each[:, :1] <= torch.arange(1, min(RANKS, length) + 1)).double().mean(0) for each in (pessimistic, optimistic)
    )
    (mean_ap, mean_inp), gains = (pessimistic[:, 1:].mean(0).tolist(), (optimistic - pessimistic)[:, 1:].mean(0))
    gain = {"rank-1": float(better[0] - cmc[0]), "mAP": float(gains[0]), "mINP": float(gains[1])}
    tied = int((pessimistic != optimistic).any(1).sum())
    if max(gain.values()) >= TIES_MATTER:
        warnings.warn(
            f"{tied} of {len(pessimistic)} queries have a right and a wrong gallery image at the same "
            "distance; the wrong one is ranked first. Right first would give "
            + ", ".join(f"{name} +{value:.2%}" for name, value in gain.items())
            + ". Many ties mean a collapsed or coarsely rounded embedding.",
            TiedDistancesWarning,
            stacklevel=3,
        )
    return Scores(cmc.numpy(), mean_ap, mean_inp, len(pessimistic), tied)
