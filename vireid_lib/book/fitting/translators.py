"""Stages of the generators besides DiVE: each is fitted once, and its gallery made once."""

from pathlib import Path

import pandas as pd

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.manifest import load_manifest
from vireid_lib.experiment.datasets import Datasets, datasets, infrared_cameras
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import generator_config
from vireid_lib.generators import galleries
from vireid_lib.generators.base import Generator, refuse_identities


def fitted_rows(book: Book, name: str, split: int = 1) -> pd.DataFrame:
    """What generator `name` is fitted to: the target's training images, and the external visible images if its
    `fit_on` says so (or if it learns nothing and has no such setting)."""
    data, config = datasets(book, split), generator_config(book.profile, name)
    table = tables.concat(*(rows for rows in (data.learn(), data.external) if rows is not None))
    refuse_identities(table, data.test(), f"{name} on {book.profile.data.target}")
    return config.fitted_rows(table)


def fitting(book: Book, name: str, split: int = 1) -> StageRecord:
    """Fit generator `name` to its `fitted_rows`.

    Args:
        name: as `vireid_lib.generators.names` has it.
    """
    table, config = fitted_rows(book, name, split), generator_config(book.profile, name)

    def make(folder: Path) -> dict:
        maker = generators.build(name, config, cache=book.workspace.cache, device=book.device)
        maker.fit(table, folder / name)
        return {"images": len(table), **maker.summary()}

    digests = {each: load_manifest(each).digest() for each in book.profile.data.roots}
    return book.stage(
        f"{name}_fitting",
        config.fit_settings(),
        {"table": table},
        make,
        code=[generators.generator_class(name)],
        seeds=[config.seed],
        manifests=digests,
    )


def fitted(book: Book, name: str, split: int = 1, **sampling: object) -> Generator:
    """Generator `name`, fitted, ready to `expand` or `translate`; `sampling` replaces settings of the pictures."""
    config = generator_config(book.profile, name).model_copy(update=sampling)
    folder = fitting(book, name, split).folder / name
    return generators.load(name, folder, config, cache=book.workspace.cache, device=book.device)


def gallery_stage(book: Book, name: str, split: int = 1) -> StageRecord:
    """The infrared images of the external identities that generator `name` makes."""
    data, config = datasets(book, split), generator_config(book.profile, name)
    people, cameras, per_camera = order(book, data)

    def make(folder: Path) -> dict:
        maker = fitted(book, name, split)
        made = maker.expand(people, cameras, per_camera, config.seed, folder, source=data.external)
        return {**galleries.sizes(made), "identities": len(people), "cameras": cameras}

    settings = config.sampling_settings() | {"identities": people, "cameras": cameras, "per_camera": per_camera}
    inputs = {"fitting": fitting(book, name, split), "external": data.external}
    return book.stage(f"gallery_{name}", settings, inputs, make, seeds=[config.seed])


def order(book: Book, data: Datasets) -> tuple[list[str], list[str], int]:
    """Who is expanded, under which cameras, how often under each."""
    people = sorted(data.external["identity"].unique())
    return people, infrared_cameras(book), book.profile.expand.per_camera
