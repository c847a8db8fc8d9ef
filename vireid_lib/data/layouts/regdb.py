"""RegDB's layout: Visible/{identity}/ and Thermal/{identity}/, ten splits as lists in idx/."""

import posixpath
from pathlib import Path

from vireid_lib.data.layouts.files import RESTORE, LayoutError, Row, Tree

LISTED_AS = {"visible": "visible", "infrared": "thermal"}


def read(tree: Tree, trial: int) -> list[Row]:
    """Return one row per image of the trial's two splits.

    The identity is the folder's number, the same in all trials; the lists' labels start at 0 in each list. Raises
    LayoutError: the trial has no lists, a list is broken, or labels and folders disagree.
    """
    camera_of = {camera.modality: camera.number for camera in tree.manifest.cameras}

    def identify(path: str, modality: str, name: str) -> tuple[int, int]:
        folder = posixpath.basename(posixpath.dirname(path))
        if not folder.isdecimal():
            raise LayoutError(
                f"{tree.root / name}: the folder of {path} is no number, as in Visible/12/x.bmp; restore it."
            )
        return int(folder), camera_of[modality]

    rows = []
    for split in ("train", "test"):
        lists = [(f"idx/{split}_{word}_{trial}.txt", modality, word) for modality, word in LISTED_AS.items()]
        tree.require([name for name, *_ in lists])
        rows += tree.listed_rows(split, lists, identify)
    training, test = ({each["identity"] for each in rows if each["split"] == split} for split in ("train", "test"))
    for shared in sorted(training & test):
        raise LayoutError(f"{tree.root}, trial {trial}: {shared} is in the training and in the test lists; {RESTORE}")
    return rows


def available_trials(root: Path) -> list[int]:
    """Return the trials that idx/ has lists for, ascending."""
    words = [path.stem.rsplit("_", 1)[1] for path in root.glob("idx/train_visible_*.txt")]
    return sorted({int(word) for word in words if word.isdecimal()})  # not a copy, "train_visible_1 (1).txt"
