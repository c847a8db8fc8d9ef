"""Galleries of synthetic images: making what is missing, the table and its provenance."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from vireid_lib.data import tables
from vireid_lib.data.contents import write_atomically
from vireid_lib.data.text import read_json
from vireid_lib.generators.base import gallery_files
from vireid_lib.generators.base.plans import ATTEMPTS, SampleRequest
from vireid_lib.training import processes
from vireid_lib.training.binding import bind
from vireid_lib.training.progress import Progress

if TYPE_CHECKING:
    from vireid_lib.generators.base.generator import Generator

MOST_SKIPPED, BATCH = 0.01, 64  # share that may be left out; pictures made at once where the settings say nothing
PLAN, TABLE, RECORD = "plan.json", "table.csv", "provenance.json"

Pictures = UInt8[np.ndarray, "n height width 3"]


def to_pictures(images: Float[Tensor, "n 3 height width"]) -> Pictures:
    """Grey levels of images whose values a network gives in −1..1."""
    levels = ((images / 2 + 0.5) * 255).round().clamp(0, 255)
    return levels.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()


class SamplingError(RuntimeError):
    """A generator gave no usable picture; names identity, camera and seed."""


def write(
    maker: "Generator", requests: Sequence[SampleRequest], folder: Path, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Have a generator make what is missing, then write `table.csv` and `provenance.json` beside the images.

    Complete images of an earlier run are kept, and the others become what they would have been in an unbroken one. A
    folder that was begun with other settings is refused. Several processes of one job share the batches. An image whose
    attempts all give an unusable picture is left out; the record counts and names those, as "skipped". `settings` are
    JSON values that the pictures depend on.

    Raises:
        ValueError: `folder` belongs to another plan; names the differing settings.
        SamplingError: more than one image, and more than a hundredth of all, would be left out; or all of them.
    """
    folder, batch = Path(folder), getattr(maker.config, "sampling_batch", BATCH)
    folder.mkdir(parents=True, exist_ok=True)
    bind(folder / PLAN, settings, what="images of another plan", write=processes.index() == 0)
    missing = {item.path for item in requests if not gallery_files.is_complete(item.path)}
    groups: dict[Hashable, list[SampleRequest]] = defaultdict(list)
    for item in requests:
        groups[maker.group(item)].append(item)
    batches = [items[i : i + batch] for _, items in sorted(groups.items()) for i in range(0, len(items), batch)]
    # A batch that a killed run left half done is made again whole: in another batch a picture is rounded otherwise.
    batches = [items for items in batches if any(item.path in missing for item in items)]
    processes.wait()  # until all have listed what is missing, and so part the same batches
    done, left = len(requests) - len(missing), []
    with Progress(len(requests), "synthetic images", start=done, unit="images", shown=maker.progress) as line:
        for items in batches[processes.index() :: processes.count()]:
            left += _make(maker, items, missing)
            if len(left) > max(1, len(requests) * MOST_SKIPPED) or len(left) == len(requests):
                raise SamplingError(_unusable(left))
            done += sum(item.path in missing for item in items) * processes.count()  # the others are about as far
            line.update(min(done, len(requests)))
    processes.wait()
    absent = {path for path in missing if not path.exists()}
    skipped = [item for item in requests if item.path in absent]
    if skipped and maker.progress:
        print(f"{_unusable(skipped)} Left out of {len(requests):,} images.", flush=True)
    requests = [item for item in requests if item.path not in absent]
    rows = [item.row(maker.name, gallery_files.read_seed(item.path)) for item in requests]
    attempts = [item.seeds.index(row["seed"]) for item, row in zip(requests, rows, strict=True)]
    table = tables.validate(pd.DataFrame(rows, columns=list(tables.COLUMNS)), f"{maker.name}'s images in {folder}")
    record = {"settings": settings, "images": len(table), "rejected": sum(attempts)}
    if skipped:
        record["skipped"] = {"images": len(skipped), "which": [_short(item.path) for item in skipped]}
    if any(item.source_images for item in requests):
        used = [item.at(attempt) for item, attempt in zip(requests, attempts, strict=True)]
        record["made_from"] = {_short(item.path): [*map(_short, item.source_images)] for item in used}
    if processes.index() == 0:
        write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())
        tables.save(table, folder / TABLE)
    processes.wait()
    return table


def skipped(folder: Path) -> dict[str, int]:
    """{"skipped": number of images that were left out of a gallery}, empty where none was."""
    record = read_json(folder / RECORD) if (folder / RECORD).exists() else {}
    return {"skipped": record["skipped"]["images"]} if "skipped" in record else {}


def sizes(table: pd.DataFrame) -> dict[str, int]:
    """How many images a gallery has ("images"), and how many of them differ in some pixel ("distinct")."""

    def digest(path: str) -> bytes:
        with Image.open(path) as image:
            return hashlib.sha256(image.convert("RGB").tobytes()).digest()

    with ThreadPoolExecutor() as pool:
        return {"images": len(table), "distinct": len(set(pool.map(digest, table["path"])))}


def _make(maker: "Generator", items: Sequence[SampleRequest], missing: set[Path]) -> list[SampleRequest]:
    """Write those of a batch's usable pictures that are missing, and make the others again with their next seed and
    start; returns those that stay unusable."""
    left = list(items)
    for attempt in range(ATTEMPTS):
        unusable = []
        for item, picture in zip(left, maker.make(left, attempt), strict=True):
            if picture.std() <= 2.0:  # (nearly) constant: what a failed or non-finite sample looks like
                unusable.append(item)
            elif item.path in missing:
                gallery_files.write_image(item.path, picture, item.seeds[attempt])
        if not (left := unusable):
            break
    return left


def _unusable(items: Sequence[SampleRequest]) -> str:
    first = items[0]
    return (
        f"{len(items)} images stayed constant or non-finite in {ATTEMPTS} attempts, the first of {first.identity} "
        f"under {first.camera} (seed {first.seeds[0]}). Train with a lower learning rate, or sample with weaker "
        "guidance where there is any; what is done stays."
    )


def _short(path: str | Path) -> str:
    return "/".join(Path(path).parts[-3:])
