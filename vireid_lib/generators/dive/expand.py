"""Expansion: the folder of synthetic images of many identities and cameras, and its table."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.generators import layout
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.sample import Request, SamplingError, is_usable, sample
from vireid_lib.training import seeds
from vireid_lib.training.progress import Progress

SOURCE = "dive"
ATTEMPTS = 4
PLAN, TABLE, RECORD = "plan.json", "table.csv", "provenance.json"


@dataclass(frozen=True)
class Planned:
    """An image of the plan, the seeds to try in turn, and the visible image it starts from (or "")."""

    identity: str
    camera: str
    path: Path
    seeds: tuple[int, ...]
    start: str


def make_plan(
    identities: Sequence[str],
    cameras: Sequence[str],
    per_camera: int,
    seed: int,
    folder: Path,
    visible: pd.DataFrame | None,
) -> list[Planned]:
    """All images, by camera, then identity. The seeds are a pure function of (seed, identity, camera, number).

    Args:
        visible: rows of visible images to start from, or None to start from noise.
    """
    layout.check_distinct(identities, cameras)
    plan = []
    for camera in cameras:
        for identity in identities:
            starts = [] if visible is None else sorted(visible.loc[visible["identity"] == identity, "path"])
            if visible is not None and not starts:
                raise ValueError(f"{identity!r} has no visible image to start from: use start: noise for it.")
            order = np.random.default_rng(seeds.integer(seed, identity, camera)).permutation(len(starts))
            for number in range(per_camera):
                tries = tuple(
                    seeds.integer(seed, identity, camera, number, attempt) % 2**32 for attempt in range(ATTEMPTS)
                )
                start = starts[order[number % len(starts)]] if starts else ""
                path = layout.image_path(folder, identity, camera, number + 1)
                plan.append(Planned(identity, camera, path, tries, start))
    return plan


def run_plan(
    model: DiveModel, plan: Sequence[Planned], folder: Path, *, settings: dict, progress: bool = True
) -> pd.DataFrame:
    """Make what is missing, then write `table.csv` and `provenance.json` beside the images.

    Complete images of an earlier run are kept. A folder that was begun with other settings is refused.

    Raises:
        ValueError: `folder` belongs to another plan; names the differing settings.
        SamplingError: an image stayed constant or non-finite after several seeds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _bind(folder, settings)
    missing = [item for item in plan if not layout.is_complete(item.path)]
    groups: dict[int, list[Planned]] = defaultdict(list)
    for item in missing:
        groups[model.vocabulary.branch(item.camera)].append(item)
    size = model.config.sampling_batch
    batches = [group[i : i + size] for _, group in sorted(groups.items()) for i in range(0, len(group), size)]
    done = len(plan) - len(missing)
    with Progress(len(plan), "synthetic images", start=done, unit="images", shown=progress) as line:
        for batch in batches:
            _make(model, batch)
            done += len(batch)
            line.update(done)
    rows = [layout.row(item.path, item.identity, item.camera, SOURCE, layout.read_seed(item.path)) for item in plan]
    rejected = sum(item.seeds.index(row["seed"]) for item, row in zip(plan, rows, strict=True))
    table = tables.validate(pd.DataFrame(rows, columns=list(tables.COLUMNS)), f"DiVE's images in {folder}")
    _write_json(folder / RECORD, {"settings": settings, "images": len(table), "rejected": rejected})
    tables.save(table, folder / TABLE)
    return table


def _make(model: DiveModel, batch: Sequence[Planned]) -> None:
    """Sample a batch, write its usable pictures, and draw the others again with their next seed."""
    left = list(batch)
    for attempt in range(ATTEMPTS):
        images = None
        if left[0].start:
            size = (model.config.height, model.config.width)
            images = load_images([item.start for item in left], size, cache=None).pixels
        requests = [Request(item.identity, item.camera, item.seeds[attempt]) for item in left]
        pictures = sample(model, requests, images=images)
        usable = [is_usable(picture) for picture in pictures]
        for item, picture, good in zip(left, pictures, usable, strict=True):
            if good:
                layout.write_image(item.path, picture, item.seeds[attempt])
        left = [item for item, good in zip(left, usable, strict=True) if not good]
        if not left:
            return
    raise SamplingError(
        f"{len(left)} images stayed constant or non-finite for {ATTEMPTS} seeds, the first of {left[0].identity} "
        f"under {left[0].camera} (seed {left[0].seeds[0]}). Lower guidance or the learning rate; what is done stays."
    )


def _bind(folder: Path, settings: dict) -> None:
    """Refuse a folder of another plan; claim a new one."""
    settings = json.loads(json.dumps(settings))
    file = folder / PLAN
    if file.exists():
        there = json.loads(file.read_text())
        keys = sorted(there.keys() | settings.keys())
        differences = [f"{key} is {there.get(key)!r} there and {settings.get(key)!r} now"
                       for key in keys if there.get(key) != settings.get(key)]  # fmt: skip
        if differences:
            raise ValueError(f"{folder} holds images of another plan: {'; '.join(differences)}. Choose another folder.")
    else:
        _write_json(file, settings)


def _write_json(file: Path, values: dict) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(values, indent=1))
    os.replace(temporary, file)
