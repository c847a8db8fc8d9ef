"""Retrieval as a reader sees it: one query's ranked gallery, where each query's right images stand, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vireid_lib.analysis.saliency import agreement, grad_cam_plus_plus, occlusion
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import load_images, to_float
from vireid_lib.evaluation import Trial, cosine_distance
from vireid_lib.evaluation.rules import camera_numbers, find_rule
from vireid_lib.reid.config import ReidConfig


def ranking(
    distances: Sequence[float],
    gallery_ids: Sequence[str],
    gallery_cameras: Sequence[str | int],
    *,
    query_id: str,
    query_camera: str | int,
    rule: str,
) -> pd.DataFrame:
    """One query's ranked gallery, as one would write it down by hand.

    Returns:
        rows in ascending distance: "position" in the gallery, identity, camera, distance, "removed" (by the
        rule), "right", "rank" among the images that are left, "precision" (hits so far / rank, at the hits) and
        "identity rank" (how many different identities have come by then). The last three empty where removed.
    """
    ids, cameras = np.asarray(gallery_ids), np.asarray(gallery_cameras)
    labels = torch.from_numpy(np.unique(np.concatenate([ids, [query_id]]), return_inverse=True)[1])
    numbers = torch.from_numpy(camera_numbers(np.asarray([*cameras, query_camera]), "cameras", len(ids) + 1))
    removed = find_rule(rule).removed(labels[-1], numbers[-1], labels[:-1], numbers[:-1]).numpy()
    table = pd.DataFrame(
        {
            "position": range(len(ids)),
            "identity": ids,
            "camera": cameras,
            "distance": np.asarray(distances, float),
            "removed": removed,
            "right": ids == query_id,
        }
    ).sort_values("distance", kind="stable", ignore_index=True)
    kept = ~table["removed"]
    table["rank"] = kept.cumsum().where(kept).astype("Int64")
    hits = (table["right"] & kept).cumsum()
    table["precision"] = (hits / table["rank"]).where(table["right"] & kept).astype("Float64")
    fresh = ~table.loc[kept, "identity"].duplicated()
    table["identity rank"] = fresh.cumsum().reindex(table.index).astype("Int64")
    return table


def ranked(features: Float[Tensor, "images dim"], trial: Trial, rule: str, query: int) -> pd.DataFrame:
    """The ranking of one query of a trial by cosine distance.

    Args:
        features: one row per row of the table that the trial was drawn from (with its index 0..n-1).
        query: the query's row in that table.

    Returns:
        as `ranking`, and "row": the gallery image's row in the table.
    """
    gallery, asked = trial.gallery, trial.query.loc[query]
    distances = cosine_distance(features[[query]], features[_rows(gallery)])[0]
    table = ranking(
        distances.numpy(),
        gallery["identity"].to_numpy(),
        gallery["camera"].to_numpy(),
        query_id=asked["identity"],
        query_camera=asked["camera"],
        rule=rule,
    )
    return table.assign(row=gallery.index.to_numpy()[table["position"].to_numpy()])


def per_query(features: Float[Tensor, "images dim"], trial: Trial, rule: str) -> pd.DataFrame:
    """Where each query's right images stand; queries without any left in the gallery are not listed.

    Returns:
        index: the query's row in the table; columns identity, camera, "rank" of the first right image, its
        "identity rank", "average precision", 0..1, and "removed" gallery images. The first of equally distant
        images counts as it comes: for pictures, not for scores.
    """
    query, gallery = trial.query, trial.gallery
    names = np.concatenate([query["identity"].to_numpy(object), gallery["identity"].to_numpy(object)])
    labels = torch.from_numpy(np.unique(names, return_inverse=True)[1])
    cameras = [
        torch.from_numpy(camera_numbers(part["camera"].to_numpy(), "cameras", len(part))) for part in (query, gallery)
    ]
    asking, answering = labels[: len(query)], labels[len(query) :]
    unit = features[_rows(gallery)]
    rows = []
    for place, row in enumerate(query.index):
        removed = find_rule(rule).removed(asking[place], cameras[0][place], answering, cameras[1])
        left = torch.nonzero(~removed).flatten()
        order = left[cosine_distance(features[[row]], unit[left])[0].argsort(stable=True)]
        hits = torch.nonzero(answering[order] == asking[place]).flatten()
        if not len(hits):
            continue
        precision = torch.arange(1, len(hits) + 1) / (hits + 1)
        before = answering[order[: int(hits[0])]]
        rows.append(
            (
                row,
                query.at[row, "identity"],
                query.at[row, "camera"],
                int(hits[0]) + 1,
                len(before.unique()) + 1,
                float(precision.mean()),
                int(removed.sum()),
            )
        )
    columns = ["row", "identity", "camera", "rank", "identity rank", "average precision", "removed"]
    return pd.DataFrame(rows, columns=columns).set_index("row")


def transitions(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Queries by whether their first image is right for one network and for another: a 2×2 table of counts.

    Args:
        before, after: as `per_query` returns them, of the same trial.
    """
    names = {True: "right", False: "wrong"}
    one, two = (outcomes["rank"].eq(1).map(names) for outcomes in (before, after))
    table = pd.crosstab(one, two).reindex(index=["right", "wrong"], columns=["right", "wrong"], fill_value=0)
    return table.rename_axis("before").rename_axis("after", axis="columns")


def flipped_queries(before: pd.DataFrame, after: pd.DataFrame, *, right: bool, count: int, seed: int = 0) -> list[int]:
    """Rows of queries that were wrong before and are right after (or the other way round), drawn at random; of
    different identities as far as there are such.

    Args:
        before, after: as in `transitions`.
    """
    changed = after[(before["rank"].eq(1) != right) & (after["rank"].eq(1) == right)].sample(frac=1, random_state=seed)
    turn = changed.groupby("identity").cumcount()
    return [int(row) for row in turn.sort_values(kind="stable").index[:count]]


@dataclass(frozen=True, eq=False)
class Explained:
    """Pairs of images and what in each makes it similar to the other.

    Attributes:
        images: for each pair the first image, then the second.
        grad_cam: Grad-CAM++ of each, 0..1.
        occlusion: drop of the similarity when a cell is covered.
        similarity: cosine similarity of each image to its partner.
    """

    images: UInt8[np.ndarray, "images height width 3"]
    grad_cam: Float[Tensor, "images h w"]
    occlusion: Float[Tensor, "images rows columns"]
    similarity: Float[Tensor, " images"]

    @property
    def agreement(self) -> float:
        """Mean correlation over places of the two maps: 1 they say the same, 0 they have nothing to do with
        each other. Images with a constant map are left out."""
        return float(agreement(self.grad_cam, self.occlusion).nanmean())


def explain(network: nn.Module, config: ReidConfig, table: pd.DataFrame, pairs: Sequence[tuple[int, int]]) -> Explained:
    """Explain pairs of images by Grad-CAM++ and by occlusion.

    Args:
        network: on the CPU.
        pairs: (row, row) in the table; usually a query and a gallery image.
    """
    rows = [row for pair in pairs for row in pair]
    others = [row for one, two in pairs for row in (two, one)]
    paths, size = table["path"].iloc[rows].tolist(), (config.height, config.width)
    images = np.asarray(load_images(paths, size, cache=None).pixels)
    place = {row: index for index, row in enumerate(rows)}
    ready = normalise(to_float(images, torch.device("cpu")))
    heat, drops, similarity = [], [], []
    for index, (row, other) in enumerate(zip(rows, others, strict=True)):
        with torch.no_grad():
            towards = network.features(ready[[place[other]]], table["modality"].iloc[other])
        own = ready[[index]], table["modality"].iloc[row], towards
        one, value = grad_cam_plus_plus(network, *own)
        heat.append(one)
        drops.append(occlusion(network, *own))
        similarity.append(value)
    return Explained(images, torch.cat(heat), torch.cat(drops), torch.cat(similarity))


def _rows(part: pd.DataFrame) -> Tensor:
    return torch.from_numpy(part.index.to_numpy(copy=True))
