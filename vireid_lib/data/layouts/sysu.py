"""SYSU-MM01's layout: cam{n}/{identity}/{image}.jpg, with the identities of each split in exp/*.txt."""

from pathlib import Path

from vireid_lib.data.layouts.files import LayoutError, Row, camera_rows, read_identities, require
from vireid_lib.data.manifest import Camera, DatasetManifest

PERMUTATIONS = "exp/rand_perm_cam.mat"  # where the data set keeps its official galleries, below its root


def read(manifest: DatasetManifest, root: Path) -> list[Row]:
    """Return one row per image of the listed identities, the splits kept apart.

    Identities in none of the three lists are left out: SYSU-MM01 ships some that were seen in one modality only. Raises
    LayoutError: a camera, a list or a listed identity is missing, or an identity is in two splits.
    """

    def base(camera: Camera) -> str:
        return f"cam{camera.number}"

    lists = {split: f"exp/{split}_id.txt" for split in ("train", "val", "test")}
    require(root, [*map(base, manifest.cameras), *lists.values()], manifest)
    split_of: dict[int, str] = {}
    for split, name in lists.items():
        for identity in read_identities(root / name):
            if split_of.setdefault(identity, split) != split:
                raise LayoutError(f"{root / name}: {identity} is in {lists[split_of[identity]]} too; remove one.")
    return camera_rows(manifest, root, base, split_of, lists)
