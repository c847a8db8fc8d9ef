"""RegDB's layout: Visible/{identity}/ and Thermal/{identity}/, ten splits as lists in idx/."""

from pathlib import Path

from vireid_lib.data.layouts.files import (
    LayoutError,
    check_labels,
    check_light,
    check_owners,
    read_listing,
    require,
    row,
)
from vireid_lib.data.manifest import DatasetManifest

LISTED_AS = {"visible": "visible", "infrared": "thermal"}
OTHER = {"visible": "thermal", "thermal": "visible"}


def read(manifest: DatasetManifest, root: Path, trial: int) -> list[dict[str, str]]:
    """Return one row per image of the trial's two splits.

    The identity is the folder's number, the same in all trials; the lists' labels start at 0 in each list.

    Raises:
        LayoutError: the trial has no lists, a list is broken, or labels and folders disagree.
    """
    require(root, ["idx"], manifest)
    available = available_trials(root)
    if trial not in available:
        known = ", ".join(map(str, available)) or "none"
        raise LayoutError(f"{root / 'idx'} has no lists for trial {trial}; it has {known}.")
    rows = []
    for split in ("train", "test"):
        label_of: dict[int, int] = {}
        for camera in manifest.cameras:
            name = f"idx/{split}_{LISTED_AS[camera.modality]}_{trial}.txt"
            require(root, [name], manifest)
            for path, label in read_listing(root, name):
                identity = _identity(path, root / name)
                check_light(path, LISTED_AS[camera.modality], OTHER[LISTED_AS[camera.modality]], str(root / name))
                check_labels(label_of, identity, label, str(root / name))
                rows.append(row(manifest, root, path, identity, camera.number, camera.modality, split))
        check_owners(label_of, f"{root}, trial {trial}, {split}")
    _refuse_shared_identities(rows, root, trial)
    return rows


def available_trials(root: Path) -> list[int]:
    """Return the trials that idx/ has lists for, ascending."""
    words = [path.stem.rsplit("_", 1)[1] for path in root.glob("idx/train_visible_*.txt")]
    return sorted({int(word) for word in words if word.isdecimal()})  # not a copy, "train_visible_1 (1).txt"


def _identity(path: str, listing: Path) -> int:
    parts = path.split("/")
    if len(parts) < 2 or not parts[-2].isdecimal():
        raise LayoutError(f"{listing}: the folder of {path} is not an identity's number, as in Visible/12/x.bmp.")
    return int(parts[-2])


def _refuse_shared_identities(rows: list[dict[str, str]], root: Path, trial: int) -> None:
    training, test = ({r["identity"] for r in rows if r["split"] == split} for split in ("train", "test"))
    shared = sorted(training & test)
    if shared:
        raise LayoutError(
            f"{root}, trial {trial}: {shared[0]} is in the training and in the test lists; restore idx/ from "
            "the data set's archive."
        )
