"""Readers: one per on-disk layout, all giving the image table."""

import os
from pathlib import Path

import pandas as pd

from vireid_lib.data import intensity, tables
from vireid_lib.data.layouts import llcm, market1501, regdb, sysu
from vireid_lib.data.layouts.files import LayoutError, Tree
from vireid_lib.data.manifest import DatasetManifest, load_manifest
from vireid_lib.data.tables import TableError

__all__ = ["LayoutError", "read_dataset"]


def read_dataset(
    name_or_manifest: str | Path | DatasetManifest, root: str | Path, *, trial: int = 1, drawn: bool = False
) -> pd.DataFrame:
    """Return the validated image table of a data set on disk, sorted by path. No image is opened.

    From then on its deep images, wherever they are decoded in this process, are scaled by the set's range
    (`vireid_lib.data.intensity`). Raises LayoutError: the folder is not laid out as the manifest says; TextError: a
    list is not UTF-8. Both name the place and the remedy.

    Args:
        root: the folder that the manifest's `obtain` describes.
        trial: which of RegDB's ten splits; the other data sets have one split.
        drawn: of Market-1501, the boxes drawn by hand (gt_bbox) in place of the protocol's parts.
    """
    manifest = name_or_manifest if isinstance(name_or_manifest, DatasetManifest) else load_manifest(name_or_manifest)
    root = Path(os.path.abspath(root))
    if trial != 1 and manifest.layout != "regdb":
        raise LayoutError(f"{manifest.name} has one split, so there is no trial {trial}; leave `trial` out.")
    if drawn and manifest.layout != "market1501":
        raise LayoutError(f"{manifest.name} has no folder gt_bbox, as Market-1501 has; leave `drawn` out.")
    read = {"sysu": sysu.read, "llcm": llcm.read, "regdb": regdb.read, "market1501": market1501.read}[manifest.layout]
    rows = read(Tree(manifest, root), **({"trial": trial} if read is regdb.read else {"drawn": True} if drawn else {}))
    if not rows:
        raise LayoutError(f"{root} holds no image of {manifest.title}; unpack the data set there.")
    rows.sort(key=lambda row: row["path"])
    by_modality = {name: [row["path"] for row in rows if row["modality"] == name] for name in tables.MODALITIES}
    intensity.declare(root, by_modality, manifest.intensity)
    try:
        return tables.build(rows, f"{manifest.name} at {root}")
    except TableError as error:  # two lists name one image
        raise LayoutError(str(error)) from None
