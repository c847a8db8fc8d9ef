"""Have a fitted generator make images: galleries of identities, and images in the other modality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.tables import OTHER, camera_in_table
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.steps import FITTED, TABLE
from vireid_lib.generators.base import galleries, gallery_files
from vireid_lib.generators.base.plans import SampleRequest, tries

if TYPE_CHECKING:
    from vireid_lib.generators.base.config import GeneratorConfig
    from vireid_lib.generators.base.generator import Generator


def load(*, name: str, fitted: Path, config: GeneratorConfig, device: str, cache: Path) -> Generator:
    """The generator that `fit` left in the folder `fitted`."""
    return generators.load(name, fitted / FITTED, config, cache=cache, device=device)


def expand(
    folder: Path,
    *,
    source: pd.DataFrame,
    cameras: Sequence[str],
    identities: Sequence[str],
    per_camera: int,
    config: GeneratorConfig,
    **fitted: Any,
) -> dict[str, Any]:
    """Make a gallery: `per_camera` images of each identity under each camera, by a `fitted` generator; see `load`."""
    made = load(config=config, **fitted).expand(identities, cameras, per_camera, config.seed, folder, source=source)
    about = {"identities": len(identities), "cameras": list(cameras)}
    return {**galleries.sizes(made), **about, **galleries.skipped(folder)}


def translate(
    folder: Path, *, source: pd.DataFrame, cameras: Sequence[str], config: GeneratorConfig, **fitted: Any
) -> dict[str, Any]:
    """Show each image of `source` once in the other modality, under `cameras` in turn, by a `fitted` translator."""
    requests = one_each(source, cameras, config.seed, folder)
    made = load(config=config, **fitted).write(requests, folder, {"seed": config.seed})
    return {**galleries.sizes(made), **galleries.skipped(folder)}


def one_each(rows: pd.DataFrame, cameras: Sequence[str], seed: int, folder: Path) -> list[SampleRequest]:
    """A picture of each image of `rows` in the other modality; the images of an identity go to the cameras in turn."""
    planned = []
    for identity, of_it in rows.sort_values("path").groupby("identity", sort=True):
        for place, row in enumerate(of_it.to_dict("records")):
            camera, number = cameras[place % len(cameras)], place // len(cameras)
            path = gallery_files.image_path(folder, identity, camera, number + 1)
            seeds, modality = tries(seed, identity, camera, number), row["modality"]
            about = (path, seeds, (row["path"],), modality, OTHER[modality], row["split"])
            planned.append(SampleRequest(identity, camera_in_table(camera), *about))
    return planned


def load_gallery(made: StageRecord) -> pd.DataFrame:
    """The table of a gallery. Raises TableError if it has not the rows that were written."""
    rows, file = tables.load(made.folder / TABLE), made.folder / TABLE
    if len(rows) != (images := made.values["images"]):
        remedy = "restore it, or delete its folder to make the images again"
        raise tables.TableError(f"{file} has {len(rows)} rows, and {images} were written: {remedy}.")
    return rows
