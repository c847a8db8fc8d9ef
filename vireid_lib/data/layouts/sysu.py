"""SYSU-MM01's layout: cam{n}/{identity}/{image}.jpg, with the identities of each split in exp/*.txt."""

from pathlib import Path

from vireid_lib.data.layouts.files import LayoutError, identity_folders, list_images, read_identities, require, row
from vireid_lib.data.manifest import DatasetManifest

SPLITS = ("train", "val", "test")
PERMUTATIONS = "exp/rand_perm_cam.mat"
"""Where the data set keeps its official galleries, below its root."""


def read(manifest: DatasetManifest, root: Path) -> list[dict[str, str]]:
    """Return one row per image of the listed identities, the splits kept apart.

    Identities in none of the three lists are left out: SYSU-MM01 ships some that were seen in one modality
    only.

    Raises:
        LayoutError: a camera, a list or a listed identity is missing, or an identity is in two splits.
    """
    lists = {split: f"exp/{split}_id.txt" for split in SPLITS}
    require(root, [*(f"cam{camera.number}" for camera in manifest.cameras), *lists.values()], manifest)
    identities = {split: read_identities(root / path) for split, path in lists.items()}
    split_of: dict[int, str] = {}
    for split, listed in identities.items():
        for identity in listed:
            if identity in split_of:
                raise LayoutError(
                    f"{root / lists[split]}: identity {identity} is in {lists[split_of[identity]]} too; "
                    "remove it from one, or test people are trained on."
                )
            split_of[identity] = split
    rows, seen = [], set()
    for camera in manifest.cameras:
        for identity, folder in identity_folders(root / f"cam{camera.number}").items():
            if identity not in split_of:
                continue
            for name in list_images(folder):
                seen.add(identity)
                path = f"cam{camera.number}/{folder.name}/{name}"
                rows.append(row(manifest, root, path, identity, camera.number, camera.modality, split_of[identity]))
    for identity, split in split_of.items():
        if identity not in seen:
            raise LayoutError(
                f"{root / lists[split]} lists identity {identity}, but no camera has an image of it; "
                "unpack the data set again, or remove the identity from the list."
            )
    return rows
