"""Images of table rows, arranged for figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.data.cameras import camera_in_table, camera_keys, camera_modalities
from vireid_lib.data.images import load_images
from vireid_lib.data.tables import camera_numbers

SIZE = (128, 64)
"""Height and width of images in figures, in pixels."""

Pixels = UInt8[np.ndarray, "height width 3"]


def pixels(rows: pd.DataFrame | Sequence[str], size: tuple[int, int] = SIZE) -> UInt8[np.ndarray, "images h w 3"]:
    """Decode the rows' (or the paths') images, in order, for a figure; nothing is cached."""
    paths = rows["path"].tolist() if isinstance(rows, pd.DataFrame) else list(rows)
    return np.asarray(load_images(paths, size, cache=None).pixels)


def by_camera(
    table: pd.DataFrame, identities: Sequence[str], cameras: Sequence[str], *, each: int = 1
) -> tuple[list[list[Pixels | None]], list[str]]:
    """One row of images per identity, `each` images per camera; None where there is none.

    Args:
        cameras: some of `cameras(table)`.

    Returns:
        the images, and a label for every column, such as "camera 3\\ninfrared".
    """
    modality, table = camera_modalities(table), table.assign(camera=camera_keys(table))
    grid, labels = [], []
    for identity in identities:
        own = table[table["identity"] == identity]
        line: list[Pixels | None] = []
        for camera in cameras:
            shown = list(pixels(own[own["camera"] == camera].sort_values("path").iloc[:each]))
            line += shown + [None] * (each - len(shown))
        grid.append(line)
    for camera in cameras:
        label = f"camera {short(camera_in_table(camera))}\n{modality.get(camera, 'no image')}"
        labels += [label, *[""] * (each - 1)]
    return grid, labels


def cameras(table: pd.DataFrame) -> list[str]:
    """The table's cameras, by the names of `vireid_lib.data.cameras`: visible ones first, then infrared ones, each in
    order of their numbers."""
    rows = table.assign(key=camera_keys(table)).drop_duplicates("key")
    order = rows.assign(infrared=rows["modality"] == "infrared", number=camera_numbers(rows))
    return order.sort_values(["infrared", "number"])["key"].tolist()


def short(identity: str) -> str:
    """ "sysu_mm01/0042" → "0042", as figures name people."""
    return identity.rsplit("/", 1)[-1]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a reader wants it: of each path the last three parts, no empty column for seeds."""
    shown = table.assign(path=["…/" + "/".join(path.split("/")[-3:]) for path in table["path"]])
    return shown.drop(columns="seed") if shown["seed"].isna().all() else shown


@dataclass(frozen=True)
class Grid:
    """Pictures in rows and columns, for `plots.image_grid(**vars(grid))`."""

    images: list[list[np.ndarray | None]]
    row_labels: list[str]
    column_labels: list[str]


def spread(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, half of each modality, spread evenly over the table."""
    parts = []
    for modality in ("visible", "infrared"):
        own = table[table["modality"] == modality].sort_values(["identity", "camera", "path"])
        parts.append(own.iloc[np.unique(np.linspace(0, len(own) - 1, -(-count // 2)).round().astype(int))])
    return pd.concat(parts).reset_index(drop=True)
