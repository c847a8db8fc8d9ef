"""What a gallery shall hold: each picture's person, camera, seeds, and the images it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.data.cameras import camera_in_table
from vireid_lib.generators import layout
from vireid_lib.training import seeds

ATTEMPTS = 4
OTHER = {"visible": "infrared", "infrared": "visible"}


@dataclass(frozen=True)
class Planned:
    """One image of a gallery.

    Attributes:
        camera: as its row names it.
        seeds: to try in turn; the row records the one that gave the picture.
        starts: files of the images it is made from; empty for a picture from noise.
        from_modality: of the starts.
        modality, split: of its row.
    """

    identity: str
    camera: str
    path: Path
    seeds: tuple[int, ...]
    starts: tuple[str, ...] = ()
    from_modality: str = ""
    modality: str = "infrared"
    split: str = "external"


def plan(
    identities: Sequence[str],
    cameras: Sequence[str],
    per_camera: int,
    seed: int,
    folder: Path,
    source: pd.DataFrame | None,
    modalities: Mapping[str, str] | None = None,
    *,
    knows_cameras: bool = True,
) -> list[Planned]:
    """Pictures from noise, or each from one image of the other modality; by camera, then identity.

    Seeds are a pure function of (seed, identity, camera, number). So are starts, but for a generator that knows
    modalities alone: there they depend on which cameras are asked for before this one as well.

    Args:
        source: rows of images to start from, each of an identity once before any comes twice (`without_repeats`); None
            to start from noise.
        knows_cameras: whether two cameras show the same image differently. If not, starts are drawn without repeats
            over all cameras of a modality; otherwise for each camera.
        cameras: by the names of `vireid_lib.data.cameras`.
        modalities: the modality of each camera; None where all are infrared.

    Raises:
        ValueError: an identity has no image to start from.
    """
    layout.check_distinct(identities, cameras)
    groups = {} if source is None else dict(list(source.sort_values("path").groupby(["identity", "modality"])))
    planned = []
    modalities = modalities or dict.fromkeys(cameras, "infrared")
    for camera in cameras:
        modality = modalities[camera]
        before, stream = (0, camera) if knows_cameras else (_before(camera, cameras, modalities), modality)
        for identity in identities:
            rows = groups.get((identity, OTHER[modality]))
            if source is not None and rows is None:
                raise ValueError(
                    f"{identity!r} has no {OTHER[modality]} image to start from: give rows of it as `source`."
                )
            starts, split = ([], "external") if rows is None else (rows["path"].tolist(), rows["split"].iloc[0])
            draw = np.random.default_rng(seeds.integer(seed, identity, stream))
            order = without_repeats(draw, len(starts), (before + 1) * per_camera)[before * per_camera :]
            for number in range(per_camera):
                start = (starts[order[number]],) if starts else ()
                path = layout.image_path(folder, identity, camera, number + 1)
                planned.append(
                    Planned(
                        identity,
                        camera_in_table(camera),
                        path,
                        tries(seed, identity, camera, number),
                        start,
                        OTHER[modality],
                        modality,
                        split,
                    )
                )
    return planned


def plan_pairs(
    identities: Sequence[str],
    cameras: Sequence[str],
    per_camera: int,
    seed: int,
    folder: Path,
    source: pd.DataFrame,
    modalities: Mapping[str, str],
) -> list[Planned]:
    """Two different images of the identity for each picture: of the camera's modality where `source` has two such,
    of the other modality otherwise. Each pair comes once before any comes twice, over all cameras of a modality, and
    is the same for every generator.

    Args:
        modalities: the modality of each camera.

    Raises:
        ValueError: an identity has no two images of one modality.
    """
    layout.check_distinct(identities, cameras)
    groups = dict(list(source.sort_values("path").groupby(["identity", "modality"])))
    planned = []
    for camera in cameras:
        modality, before = modalities[camera], _before(camera, cameras, modalities)
        for identity in identities:
            enough = [each for each in (modality, OTHER[modality]) if len(groups.get((identity, each), ())) > 1]
            if not enough:
                raise ValueError(
                    f"{identity!r} has no two images of one modality to blend: give more of them as `source`, or "
                    "leave the identity out."
                )
            rows = groups[identity, enough[0]]
            paths, split = rows["path"].tolist(), rows["split"].iloc[0]
            pairs = np.transpose(np.triu_indices(len(paths), 1))
            draw = np.random.default_rng(seeds.integer(seed, identity, modality, "pairs"))
            order = without_repeats(draw, len(pairs), (before + 1) * per_camera)[before * per_camera :]
            for number in range(per_camera):
                own, (first, second) = tries(seed, identity, camera, number), pairs[order[number]]
                path = layout.image_path(folder, identity, camera, number + 1)
                planned.append(
                    Planned(
                        identity,
                        camera_in_table(camera),
                        path,
                        own,
                        (paths[first], paths[second]),
                        enough[0],
                        modality,
                        split,
                    )
                )
    return planned


def without_repeats(draw: np.random.Generator, count: int, needed: int) -> np.ndarray:
    """`needed` of `count` places in random order: all of them once, then all in another order, and so on."""
    rounds = -(-needed // count) if count else 0
    return np.concatenate([draw.permutation(count) for _ in range(rounds)] or [np.empty(0, int)])[:needed]


def _before(camera: str, cameras: Sequence[str], modalities: Mapping[str, str]) -> int:
    """How many cameras of the same modality are asked for before this one."""
    return [other for other in cameras if modalities[other] == modalities[camera]].index(camera)


def tries(seed: int, identity: str, camera: str, number: int) -> tuple[int, ...]:
    """The seeds of one image, 32 bits each: the first, and those that replace it should its picture be unusable."""
    return tuple(seeds.integer(seed, identity, camera, number, attempt) % 2**32 for attempt in range(ATTEMPTS))


def share(item: Planned, q: int) -> float:
    """p / q, with p drawn from 1..q-1 by the image's seed (Flow2Flow, Eq. 17)."""
    return int(np.random.default_rng(seeds.integer(item.seeds[0], "share")).integers(1, q)) / q
