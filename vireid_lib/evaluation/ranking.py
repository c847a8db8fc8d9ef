"""Computes the ranks of each query's right images without ranking the rest, in chunks of queries."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.evaluation.rules import JUNK, camera_numbers, find_rule, identity_labels

CHUNK_ELEMENTS = 1_000_000  # distances ranked at once: keeps a chunk's working memory under about 50 MB


def chunks(queries: int, images: int) -> list[slice]:
    """Slices of queries that are small enough to be ranked at once."""
    step = max(1, CHUNK_ELEMENTS // images)
    return [slice(start, min(start + step, queries)) for start in range(0, queries, step)]


class Ranking:
    """Rankings of all queries, scored a chunk of queries at a time.

    The gallery is never sorted together with its labels. A hit's rank is its number among the hits plus the
    wrong images that are not farther; those are counted by binary search in the row's sorted wrong
    distances. A CMC that counts identities needs only each identity's smallest distance.

    `ids` and `cameras` are of the queries and of the gallery, as for `score`; `shape` is that of the whole distance
    matrix. Raises ValueError: arguments that do not fit, or a gallery that holds only junk.
    """

    def __init__(self, ids: Sequence, cameras: Sequence, rule: str, *, shape: tuple[int, int]) -> None:
        self.shape, self._rule = shape, find_rule(rule)
        labels = identity_labels(*ids, *shape, junk=self._rule.junk)
        self._query_labels, gallery_labels = map(torch.from_numpy, labels)
        self._query_cameras = self._cameras(cameras[0], "query_cameras", shape[0])
        kept = torch.nonzero(gallery_labels != JUNK).flatten()
        if not len(kept):
            raise ValueError(f"all {shape[1]} gallery images are junk (identity {JUNK}); nothing is left to rank")
        # The gallery's columns without junk, place-major: the first image of every identity, then the second images, …
        # Identities with many images come first, so that the images k of all that have one lie side by side: identity
        # i's image k is column `starts[k] + position[i]`.
        names, identity, counts = torch.unique(gallery_labels[kept], return_inverse=True, return_counts=True)
        self._position = torch.argsort(torch.argsort(counts, descending=True, stable=True))
        by_identity = torch.argsort(identity, stable=True)
        place = torch.arange(len(kept)) - (counts.cumsum(0) - counts)[identity[by_identity]]
        order = by_identity[torch.argsort(place * len(names) + self._position[identity[by_identity]])]
        self._order = kept[order]
        self._starts = torch.searchsorted(torch.sort(place).values, torch.arange(int(counts.max())))
        self._gallery_cameras = self._cameras(cameras[1], "gallery_cameras", shape[1])[self._order]
        # Each query's own identity among the gallery's, and how many images it has there.
        self._identity = torch.searchsorted(names, self._query_labels).clamp_(max=len(names) - 1)
        self._count = counts[self._identity] * (names[self._identity] == self._query_labels)
        self._pessimistic: list[Float[Tensor, "valid 3"]] = []
        self._optimistic: list[Float[Tensor, "valid 3"]] = []
        self._length = 0

    def _cameras(self, cameras: object, what: str, count: int) -> Int[Tensor, " images"]:
        if not self._rule.own_camera and self._rule.blind is None:
            return torch.zeros(count, dtype=torch.int64)
        if cameras is None:
            raise ValueError(f"rule {self._rule.name!r} removes gallery images by camera: give {what}")
        return torch.from_numpy(camera_numbers(cameras, what, count))

    def add(self, distances: Float[Tensor, "chunk gallery"], rows: Int[Tensor, " chunk"]) -> None:
        """Rank the queries `rows`, by their distances to the whole gallery. Raises ValueError if one is not finite."""
        low, high = torch.aminmax(distances)  # not-a-number spreads to both
        if not (torch.isfinite(low) and torch.isfinite(high)):
            row, column = torch.nonzero(~torch.isfinite(distances))[0].tolist()
            raise ValueError(
                f"the distance of query {rows[row]} to gallery image {column} is {distances[row, column]}; look for "
                "features that are not finite (a diverged network, a zero divided by its norm)"
            )
        device = distances.device
        labels, cameras, identity, count = (
            values[rows].to(device)[:, None]
            for values in (self._query_labels, self._query_cameras, self._identity, self._count)
        )
        place = torch.arange(int(count.max()), device=device)
        own = self._starts.to(device)[place] + self._position.to(device)[identity]
        right = place < count
        own = torch.where(right, own, own[:, :1])
        gallery_cameras = self._gallery_cameras.to(device)
        right &= ~self._rule.removed(labels, cameras, labels, gallery_cameras[own])
        valid = torch.nonzero(right.any(1)).flatten()
        if not len(valid):
            return
        right, own = right[valid], own[valid]
        if len(valid) < len(distances):
            distances = distances[valid]
        wrong = distances.detach().index_select(1, self._order.to(device))
        hits = _sorted_rows(wrong.gather(1, own).masked_fill_(~right, torch.inf))
        wrong.scatter_(1, own, torch.inf)
        if self._rule.blind is not None:
            blind = torch.nonzero(cameras[valid, 0] == self._rule.blind[0])
            unseen = torch.nonzero(gallery_cameras == self._rule.blind[1]).flatten()
            wrong[blind, unseen] = torch.inf
        nearest = self._nearest(wrong) if self._rule.counts_identities else None
        length = self.shape[1] if nearest is None else 1 + int((nearest < torch.inf).sum(1).max())
        self._length = max(self._length, length)
        self._keep(_sorted_rows(wrong), hits, right.sum(1), nearest)

    def _nearest(self, distances: Float[Tensor, "chunk columns"]) -> Float[Tensor, "chunk identities"]:
        """Each identity's smallest distance, by position."""
        bounds = [*self._starts.tolist(), distances.shape[1]]
        nearest = distances[:, : bounds[1]].clone()
        for start, end in zip(bounds[1:-1], bounds[2:], strict=True):
            narrow = nearest[:, : end - start]
            torch.minimum(narrow, distances[:, start:end], out=narrow)
        return nearest

    def _keep(self, wrong: Tensor, hits: Tensor, count: Tensor, nearest: Tensor | None) -> None:
        """Score a chunk, first with wrong images first at equal distance, then with right ones first."""
        ahead = torch.searchsorted(wrong, hits, right=True)
        # The last wrong image that is not farther than a hit is as far as the hit: a tie.
        last = wrong.gather(1, (ahead - 1).clamp(min=0))
        tied = torch.nonzero(((last == hits) & torch.isfinite(hits)).any(1)).flatten()
        first = ahead[:, 0] if nearest is None else (nearest <= hits[:, :1]).sum(1)
        pessimistic = _per_query(ahead, first, count)
        optimistic = pessimistic.clone()
        if len(tied):
            wrong, hits, count = wrong[tied], hits[tied], count[tied]
            ahead = torch.searchsorted(wrong, hits)
            first = ahead[:, 0] if nearest is None else (nearest[tied] < hits[:, :1]).sum(1)
            optimistic[tied] = _per_query(ahead, first, count)
        self._pessimistic.append(pessimistic.cpu())
        self._optimistic.append(optimistic.cpu())

    def result(self) -> tuple[Float[Tensor, "valid 3"], Float[Tensor, "valid 3"], int]:
        """Return [CMC rank, average precision, inverse penalty] of every valid query, and the CMC's length.

        First with wrong images before right ones at equal distance, then with right ones before wrong ones. Raises
        ValueError: no query has a right image left in the gallery.
        """
        if not self._pessimistic:
            raise ValueError(
                f"none of the {self.shape[0]} queries has a right image among the {self.shape[1]} gallery "
                f"images under rule {self._rule.name!r}: check that ids are written alike on both sides, "
                "and the cameras"
            )
        return torch.cat(self._pessimistic), torch.cat(self._optimistic), self._length


def _per_query(
    ahead: Int[Tensor, "valid most"], first: Int[Tensor, " valid"], count: Int[Tensor, " valid"]
) -> Float[Tensor, "valid 3"]:
    """Return CMC rank, average precision and inverse penalty of each query, from the wrong images `ahead` of each of
    its `count` hits in order (anything after these), and from what the CMC counts before the `first` hit."""
    number = torch.arange(1, ahead.shape[1] + 1, device=ahead.device)
    ranks = (ahead + number).double()
    precision = torch.where(number <= count[:, None], number / ranks, 0.0).sum(1) / count
    penalty = count / ranks.gather(1, count[:, None] - 1)[:, 0]
    return torch.stack([1.0 + first, precision, penalty], dim=1)


def _sorted_rows(values: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Sort each row, in place where that is faster."""
    if values.device.type == "cpu":
        # Bare values are sorted with vector instructions by numpy, some 30 times faster than by torch.
        values.numpy().sort(axis=1)
        return values
    return values.sort(dim=1).values
