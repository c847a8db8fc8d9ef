"""More images of the training people themselves, by generators: within a modality, or shown in the other (Flow2Flow).

Training set "flow2flow.tse" is the real images and as many again that the generator makes by blending two images of a
person (training sample expansion); "flow2flow.cmg" is the real images and each of them in the other modality
(cross-modality generation); "flow2flow.tse.cmg" is both. "flow2flow.tse.visible.50" expands visible images alone, by
half their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.book.fitting import translators
from vireid_lib.data import tables
from vireid_lib.data.cameras import camera_in_table, camera_modalities
from vireid_lib.data.images import load_images
from vireid_lib.experiment.datasets import datasets
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import generator_config
from vireid_lib.generators import galleries, layout
from vireid_lib.generators.plans import OTHER, SampleRequest, tries

KINDS = ("tse", "cmg")


@dataclass(frozen=True)
class Expansion:
    """What a training set adds to the real images.

    Attributes:
        generator: its name.
        kinds: "tse", "cmg" or both.
        modalities: of the images that are made.
        percent: TSE makes so many images for each hundred real ones.
    """

    generator: str
    kinds: tuple[str, ...]
    modalities: tuple[str, ...] = tuple(OTHER)
    percent: int = 100


def read(name: str) -> Expansion | None:
    """What training set `name` adds, None if it is not of this kind. Raises ValueError for a word that has no meaning
    in it."""
    generator, *words = name.split(".")
    if not words:
        return None
    kinds = tuple(word for word in words if word in KINDS)
    modalities = tuple(word for word in words if word in OTHER) or tuple(OTHER)
    numbers = [int(word) for word in words if word.isdecimal()]
    unknown = [word for word in words if word not in (*KINDS, *OTHER) and not word.isdecimal()]
    if unknown or not kinds or len(numbers) > 1 or 0 in numbers:
        raise ValueError(
            f"training set {name!r}: after the generator's name, write tse, cmg or both, then visible or infrared if "
            "only such images are to be made, then for tse a percentage of the real images' number, between dots."
        )
    return Expansion(generator, kinds, modalities, *numbers)


def images(book: Book, name: str, split: int = 1) -> pd.DataFrame:
    """The images that training set `name` adds to the real ones. Their sources are not "real"."""
    expansion = read(name)
    make = {"tse": _blended, "cmg": _translated}
    return tables.concat(*(make[kind](book, expansion, split) for kind in expansion.kinds))


def alone(book: Book) -> Book:
    """The book without external people: these generators learn from the training people."""
    data = book.profile.data
    roots = {data.target: data.roots[data.target]}
    profile = book.profile.model_copy(update={"data": data.model_copy(update={"external": None, "roots": roots})})
    return book.with_profile(profile)


def _blended(book: Book, expansion: Expansion, split: int) -> pd.DataFrame:
    """TSE: as many images of everybody under each camera, from pairs that are the same for every generator."""
    own, learn, name = alone(book), datasets(book, split).learn(), expansion.generator
    people, config = sorted(learn["identity"].unique()), generator_config(book.profile, name)
    sampling = {"expansion": "interpolate"} if "expansion" in type(config).model_fields else {}
    fitting = translators.fitting(own, name, split)
    found = []
    for modality in expansion.modalities:
        rows, cameras = learn[learn["modality"] == modality], _cameras(learn, modality)
        each = max(1, round(expansion.percent / 100 * len(rows) / (len(people) * len(cameras))))

        def make(folder: Path, cameras: Sequence[str] = cameras, each: int = each) -> dict:
            maker = translators.fitted(own, name, split, **sampling)
            return galleries.sizes(maker.expand(people, cameras, each, config.seed, folder, source=learn))

        about = {
            **config.model_copy(update=sampling).sampling_settings(),
            "kind": "tse",
            "people": people,
            "cameras": cameras,
            "per_camera": each,
        }
        record = book.stage(f"own_people_{name}", about, {"fitting": fitting, "real": learn}, make, seeds=[config.seed])
        found.append(tables.load(record.folder / "table.csv"))
    return tables.concat(*found)


def _translated(book: Book, expansion: Expansion, split: int) -> pd.DataFrame:
    """CMG: each real image once in the other modality, under that modality's cameras in turn."""
    own, learn, name = alone(book), datasets(book, split).learn(), expansion.generator
    config, fitting = generator_config(book.profile, name), translators.fitting(own, name, split)
    found = []
    for modality in expansion.modalities:
        rows, cameras = learn[learn["modality"] == OTHER[modality]], _cameras(learn, modality)

        def make(folder: Path, rows: pd.DataFrame = rows, cameras: Sequence[str] = cameras) -> dict:
            maker = translators.fitted(own, name, split)
            size = (config.height, config.width)

            def pictures(items: Sequence[SampleRequest], attempt: int) -> galleries.Pictures:
                shown = load_images([item.source_images[0] for item in items], size, cache=None).pixels
                return maker.pictures([np.asarray(shown)], items)

            planned = one_each(rows, cameras, config.seed, folder)
            made = galleries.write(
                planned,
                pictures,
                folder,
                source=maker.name,
                settings={"seed": config.seed},
                batch=config.sampling_batch,
            )
            return galleries.sizes(made)

        about = {**config.sampling_settings(), "kind": "cmg", "cameras": cameras, "seed": config.seed}
        record = book.stage(f"own_people_{name}", about, {"fitting": fitting, "real": rows}, make, seeds=[config.seed])
        found.append(tables.load(record.folder / "table.csv"))
    return tables.concat(*found)


def _cameras(rows: pd.DataFrame, modality: str) -> list[str]:
    return [name for name, records in camera_modalities(rows).items() if records == modality]


def one_each(rows: pd.DataFrame, cameras: Sequence[str], seed: int, folder: Path) -> list[SampleRequest]:
    """One picture of each image of `rows` in the other modality; a person's images go to the cameras in turn."""
    planned = []
    for identity, of_it in rows.sort_values("path").groupby("identity", sort=True):
        for place, row in enumerate(of_it.to_dict("records")):
            camera, number = cameras[place % len(cameras)], place // len(cameras)
            path = layout.image_path(folder, identity, camera, number + 1)
            planned.append(
                SampleRequest(
                    identity,
                    camera_in_table(camera),
                    path,
                    tries(seed, identity, camera, number),
                    (row["path"],),
                    row["modality"],
                    OTHER[row["modality"]],
                    row["split"],
                )
            )
    return planned
