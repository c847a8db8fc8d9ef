"""Stages of chapter 03 that show: galleries beside the truth, codes and identities swapped, two ways to start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.analysis.fidelity import colourfulness
from vireid_lib.book import arrays, stages
from vireid_lib.book.book import Book
from vireid_lib.book.pictures import Grid, pixels, short
from vireid_lib.book.settings import dive_config
from vireid_lib.data import tables
from vireid_lib.generators.dive import vocabulary

MOST_CAMERAS = 7  # columns that fit a page


def identities(book: Book, count: int) -> list[str]:
    """The first external identities that are expanded."""
    return sorted(stages.datasets(book).external["identity"].unique())[:count]


def beside_the_truth(book: Book, names: Sequence[str], *, each: int = 1, galleries: Sequence[str] = ("dive",)) -> Grid:
    """One row per identity: visible photographs, then up to `each` infrared images per camera and gallery.

    Args:
        names: identities.
        galleries: what `stages.gallery` makes; "true" and "redrawn" in the miniature world only.
    """
    external, each = stages.datasets(book).external, min(each, book.profile.expand.per_camera)
    held = {name: stages.gallery(book, name) for name in galleries}
    cameras = stages.infrared_cameras(book)
    rows = []
    for identity in names:
        own = external[external["identity"] == identity].sort_values("path")
        row = list(pixels(own.iloc[[0, len(own) // 2]]))
        for table in held.values():
            for camera in cameras:
                chosen = table[(table["identity"] == identity) & (table["camera"] == camera)].sort_values("path")
                row += [*pixels(chosen.iloc[:each]), *[None] * (each - len(chosen.iloc[:each]))]
        rows.append(row)
    labels = ["photograph", "photograph"]
    for name in held:
        word = {"true": "true", "redrawn": "re-drawn", "copies": "grey copy", "dive": "DiVE",
                "interpolation": "blend", "flow2flow": "Flow2Flow", "cyclegan": "CycleGAN",
                "dive_from_image": "DiVE from\nthe image"}.get(name, name)  # fmt: skip
        labels += [f"{word}\ncamera {short(camera)}" for camera in cameras for _ in range(each)]
    return Grid(rows, [short(name) for name in names], labels)


@dataclass(frozen=True, eq=False)
class Swaps:
    """Identities × cameras, all from the same noise; and the mean colourfulness of each camera's pictures."""

    grid: Grid
    colour: pd.DataFrame


def swaps(book: Book, *, people: int = 5, noise: int = 0) -> Swaps:
    """Every combination of some identities with some codes, each picture from the same starting noise.

    Args:
        noise: the seed of that noise.
    """
    names, modality = identities(book, people), cameras_of_each_view(book)
    cameras = list(modality)

    def make(folder: Path) -> None:
        from vireid_lib.generators.dive.sample import Request, sample

        model = stages.generator(book).model
        columns = [sample(model, [Request(name, camera, noise) for name in names]) for camera in cameras]
        arrays.save(folder, pictures=np.stack(columns, 1))

    settings = {"identities": names, "cameras": cameras, "noise": noise, **_sampling(book)}
    record = book.stage("swaps", settings, {"finetuning": stages.finetuning(book)}, make, seeds=[noise])
    pictures = arrays.load(record)["pictures"]
    labels = [f"{camera.split('/')[0]}\n{short(camera).split(' ')[0]}, {modality[camera]}" for camera in cameras]
    colour = pd.DataFrame({
        "camera": cameras, "modality": list(modality.values()),
        "colourfulness": [float(colourfulness(pictures[:, place]).mean()) for place in range(len(cameras))],
    })  # fmt: skip
    return Swaps(Grid([list(row) for row in pictures], [short(name) for name in names], labels), colour)


def cameras_of_each_view(book: Book) -> dict[str, str]:
    """A camera for each code of the generator, and its modality: the target's visible ones, then its infrared ones,
    then the external set's; as many as fit."""
    rows = stages.fitted_rows(book)
    words = vocabulary.build(rows, dive_config(book.profile))
    cameras = dict(zip(vocabulary.camera_keys(rows, words), rows["modality"], strict=True))
    first = {words.view(camera): camera for camera in sorted(cameras, reverse=True)}
    own = sorted(camera for camera in first.values() if camera.split("/")[0] == book.profile.data.target)
    others = sorted(set(first.values()) - set(own))[:1]
    infrared = [camera for camera in own if cameras[camera] == "infrared"][: MOST_CAMERAS - 3]
    visible = [camera for camera in own if cameras[camera] == "visible"][: MOST_CAMERAS - 1 - len(infrared)]
    return {camera: cameras[camera] for camera in (*visible, *infrared, *others)}


def _sampling(book: Book) -> dict:
    config = dive_config(book.profile)
    return {name: getattr(config, name) for name in ("base_model", "sampling_steps", "guidance", "height", "width")}


def starts(book: Book, *, people: int = 5, strengths: Sequence[float] = (0.4, 0.6, 0.8)) -> Grid:
    """The same person from noise (the paper) and from a grey photograph, noised to several strengths (an extra)."""
    names, camera = identities(book, people), stages.infrared_cameras(book)[0]
    external = stages.datasets(book).external.sort_values("path")
    sources = external.drop_duplicates("identity").set_index("identity").loc[names].reset_index()

    def make(folder: Path) -> None:
        from vireid_lib.generators.dive.sample import Request, sample

        model, config = stages.generator(book).model, dive_config(book.profile)
        photographs = pixels(sources, (config.height, config.width))
        requests = [Request(name, camera, place) for place, name in enumerate(names)]
        columns = [photographs, *(sample(model, requests, images=photographs, strength=each) for each in strengths),
                   sample(model, requests)]  # fmt: skip
        arrays.save(folder, pictures=np.stack(columns, 1))

    settings = {"identities": names, "camera": camera, "strengths": list(strengths), **_sampling(book)}
    inputs = {"finetuning": stages.finetuning(book), "photographs": sources[list(tables.COLUMNS)]}
    pictures = arrays.load(book.stage("starts", settings, inputs, make, seeds=range(len(names))))["pictures"]
    labels = ["photograph", *(f"from image,\nstrength {each:g}" for each in strengths), "from noise"]
    return Grid([list(row) for row in pictures], [short(name) for name in names], labels)


@dataclass(frozen=True, eq=False)
class Again:
    """An image of a gallery beside the one that its recorded seed gives now."""

    grid: Grid
    difference: int

    @property
    def sentence(self) -> str:
        """What the comparison found."""
        if self.difference == 0:
            return "The image made from its recorded seed is equal to the stored one in every pixel."
        what = f"The image made from its recorded seed differs from the stored one by up to {self.difference} of 255"
        if self.difference <= 2:
            return f"{what}: made alone instead of in a batch, sums of floats are rounded in another order."
        return f"{what}. That is more than rounding: device or library versions are not those of the record."


def make_again(book: Book, place: int = 0) -> Again:
    """Make the image in row `place` of DiVE's gallery again from what its table records, and compare."""
    from vireid_lib.generators.dive.sample import Request, sample

    table, config = stages.gallery(book, "dive"), dive_config(book.profile)
    row = table.iloc[place]
    model = stages.generator(book).model
    again = sample(model, [Request(row["identity"], row["camera"], int(row["seed"]))])[0]
    stored = pixels([row["path"]], (config.height, config.width))[0]
    difference = np.abs(again.astype(int) - stored)
    shown = np.clip(difference * 32, 0, 255).astype(np.uint8)
    grid = Grid([[stored, again, shown]], [short(row["identity"])],
                ["stored", f"made again,\nseed {row['seed']}", "difference\n× 32"])  # fmt: skip
    return Again(grid, int(difference.max()))


def provenance(table: pd.DataFrame, count: int = 6) -> pd.DataFrame:
    """Some rows of a synthetic gallery as they are recorded, with paths shortened to their last three parts."""
    rows = table.iloc[np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int)]
    return rows.assign(path=["/".join(Path(path).parts[-3:]) for path in rows["path"]]).reset_index(drop=True)
