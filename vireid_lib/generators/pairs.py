"""Plans that blend two images of one person: which two, and how far from the first to the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.generators import layout
from vireid_lib.generators.galleries import Planned, tries
from vireid_lib.training import seeds


def plan_pairs(
    identities: Sequence[str],
    cameras: Sequence[str],
    per_camera: int,
    seed: int,
    folder: Path,
    source: pd.DataFrame,
    modalities: Mapping[str, str],
) -> list[Planned]:
    """Two different images of the identity for each image to be made: of the camera's modality where `source` has two
    such, of the other modality otherwise.

    Args:
        modalities: the modality of each camera.

    Raises:
        ValueError: an identity has no two images of one modality.
    """
    layout.check_distinct(identities, cameras)
    groups = {key: rows for key, rows in source.sort_values("path").groupby(["identity", "modality"])}
    planned = []
    for camera in cameras:
        wanted = modalities[camera]
        for identity in identities:
            held = [groups[identity, each] for each in (wanted, *_other(wanted)) if (identity, each) in groups]
            rows = next((rows for rows in held if len(rows) > 1), None)
            if rows is None:
                raise ValueError(
                    f"{identity!r} has no two images of one modality to blend: give more of them as `source`, or "
                    "leave the identity out."
                )
            paths, split = rows["path"].tolist(), rows["split"].iloc[0]
            for number in range(per_camera):
                own = tries(seed, identity, camera, number)
                rng = np.random.default_rng(seeds.integer(own[0], "pair"))
                first, second = rng.choice(len(paths), 2, replace=False)
                planned.append(Planned(
                    identity, camera, layout.image_path(folder, identity, camera, number + 1), own,
                    (paths[first], paths[second]), wanted, split,
                ))  # fmt: skip
    return planned


def share(item: Planned, q: int) -> float:
    """p / q with p drawn from 1..q-1 by the image's seed (Flow2Flow, Eq. 17)."""
    return int(np.random.default_rng(seeds.integer(item.seeds[0], "share")).integers(1, q)) / q


def _other(modality: str) -> tuple[str, ...]:
    return ("visible",) if modality == "infrared" else ("infrared",)
