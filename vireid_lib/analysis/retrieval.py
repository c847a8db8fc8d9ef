"""Retrieval as a reader sees it: one query's ranked gallery, and where each query's right images stand."""

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.data import tables
from vireid_lib.evaluation import Trial, cosine_distance
from vireid_lib.evaluation.rules import find_rule


def ranked(features: Float[Tensor, "images dim"], trial: Trial, rule: str, query: int) -> pd.DataFrame:
    """One query's gallery by ascending cosine distance, as one would write it down by hand: "row" in the table that the
    trial was drawn from (with its index 0..n-1), identity, camera, distance, "removed" (by the rule), "right", "rank"
    among the images that are left, "precision" (hits so far / rank, at the hits) and "identity rank" (how many
    different identities have come by then). The last three are empty where removed. `query` is the query's row in the
    table."""
    gallery, asked = trial.gallery, trial.query.loc[[query]]
    labels, cameras = _numbers(asked, gallery)
    table = pd.DataFrame(
        {
            "row": gallery.index,
            "identity": gallery["identity"].to_numpy(),
            "camera": gallery["camera"].to_numpy(),
            "distance": cosine_distance(features[[query]], features[_rows(gallery)])[0].numpy().astype(float),
            "removed": find_rule(rule).removed(labels[0], cameras[0], labels[1:], cameras[1:]).numpy(),
            "right": (labels[1:] == labels[0]).numpy(),
        }
    ).sort_values("distance", kind="stable", ignore_index=True)
    kept = ~table["removed"]
    table["rank"] = kept.cumsum().where(kept).astype("Int64")
    hits = (table["right"] & kept).cumsum()
    table["precision"] = (hits / table["rank"]).where(table["right"] & kept).astype("Float64")
    fresh = ~table.loc[kept, "identity"].duplicated()
    table["identity rank"] = fresh.cumsum().reindex(table.index).astype("Int64")
    return table


def per_query(features: Float[Tensor, "images dim"], trial: Trial, rule: str) -> pd.DataFrame:
    """Where each query's right images stand, by the query's row in the table: identity, camera, "rank" of the first
    right image, its "identity rank", "average precision", 0..1, and "removed" gallery images. Queries without a right
    image left in the gallery are not listed. The first of equally distant images counts as it comes: for pictures, not
    for scores."""
    query, gallery = trial.query, trial.gallery
    sides = (each.split([len(query), len(gallery)]) for each in _numbers(query, gallery))
    (asking, answering), (from_camera, by_camera) = sides
    unit, rows = features[_rows(gallery)], []
    for place, row in enumerate(query.index):
        removed = find_rule(rule).removed(asking[place], from_camera[place], answering, by_camera)
        left = torch.nonzero(~removed).flatten()
        order = left[cosine_distance(features[[row]], unit[left])[0].argsort(stable=True)]
        hits = torch.nonzero(answering[order] == asking[place]).flatten()
        if not len(hits):
            continue
        precision = torch.arange(1, len(hits) + 1) / (hits + 1)
        about = query.at[row, "identity"], query.at[row, "camera"]
        ranks = int(hits[0]) + 1, len(answering[order[: int(hits[0])]].unique()) + 1
        rows.append((row, *about, *ranks, float(precision.mean()), int(removed.sum())))
    columns = ["row", "identity", "camera", "rank", "identity rank", "average precision", "removed"]
    return pd.DataFrame(rows, columns=columns).set_index("row")


def transitions(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Queries by whether their first image is right for one network and for another: a 2×2 table of counts, of what
    `per_query` returns for the same trial."""
    names = {True: "right", False: "wrong"}
    one, two = (outcomes["rank"].eq(1).map(names) for outcomes in (before, after))
    table = pd.crosstab(one, two).reindex(index=["right", "wrong"], columns=["right", "wrong"], fill_value=0)
    return table.rename_axis("before").rename_axis("after", axis="columns")


def flipped_queries(before: pd.DataFrame, after: pd.DataFrame, *, right: bool, count: int) -> list[int]:
    """Rows of queries that were wrong before and are right after (or the other way round), drawn at random; of
    different identities as far as there are such. Arguments as in `transitions`."""
    changed = after[(before["rank"].eq(1) != right) & (after["rank"].eq(1) == right)].sample(frac=1, random_state=0)
    turn = changed.groupby("identity").cumcount()
    return [int(row) for row in turn.sort_values(kind="stable").index[:count]]


def _numbers(query: pd.DataFrame, gallery: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Labels and camera numbers of the queries, then of the gallery."""
    both = pd.concat([query, gallery])
    return torch.tensor(tables.identity_labels(both)[0]), torch.tensor(tables.camera_numbers(both))


def _rows(part: pd.DataFrame) -> Tensor:
    return torch.from_numpy(part.index.to_numpy(copy=True))
