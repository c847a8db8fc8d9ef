"""Reads what only a miniature world has: infrared pictures of people that its data sets show in colour alone.

They give upper bounds and a measure of identity preservation. Nothing else may learn from them, so they lie
in a folder of their own, in no data set's layout, and only this reader finds them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from vireid_lib.data import tables

KINDS = {"true": "true infrared", "redrawn": "redrawn infrared"}


def read_truth(root: str | Path, kind: str = "true") -> pd.DataFrame:
    """Return the image table of mini_truth, split "external", sorted by path.

    Args:
        root: the folder `mini_truth` that `write.make` made.
        kind: "true": the person as an infrared camera would see it (the upper bound); "redrawn": with
            infrared materials drawn anew by the world's law, the best guess from colour (the fair ceiling).
    Raises:
        ValueError: an unknown kind, or a folder without such pictures.
    """
    if kind not in KINDS:
        raise ValueError(f"read_truth: kind {kind!r}; choose one of {', '.join(KINDS)}")
    folder = Path(os.path.abspath(root)) / kind
    rows = [
        {
            "path": str(path),
            "identity": f"mini_market/{path.parent.name}",
            "camera": f"mini_vi/{path.parent.parent.name.removeprefix('cam')}",
            "modality": "infrared",
            "split": "external",
            "source": KINDS[kind],
        }
        for path in sorted(folder.glob("cam*/*/*.jpg"))
    ]
    if not rows:
        raise ValueError(f"{folder} holds no pictures; write the world with vireid_lib.miniworld.write.make")
    return tables.build(rows, f"mini_truth ({kind}) at {root}")
