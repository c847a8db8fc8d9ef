"""SYSU-MM01's layout: cam{n}/{identity}/{image}.jpg, with the identities of each split in exp/*.txt."""

from vireid_lib.data.layouts.files import LayoutError, Row, Tree, read_identities
from vireid_lib.data.manifest import Camera

PERMUTATIONS = "exp/rand_perm_cam.mat"  # where the data set keeps its official galleries, below its root


def read(tree: Tree) -> list[Row]:
    """Return one row per image of the listed identities, the splits kept apart.

    Identities in none of the three lists are left out: SYSU-MM01 ships some that were seen in one modality only. Raises
    LayoutError: a camera, a list or a listed identity is missing, or an identity is in two splits.
    """

    def base(camera: Camera) -> str:
        return f"cam{camera.number}"

    lists = {split: f"exp/{split}_id.txt" for split in ("train", "val", "test")}
    tree.require([*map(base, tree.manifest.cameras), *lists.values()])
    split_of: dict[int, str] = {}
    for split, name in lists.items():
        for identity in read_identities(tree.root / name):
            if split_of.setdefault(identity, split) != split:
                raise LayoutError(f"{tree.root / name}: {identity} is in {lists[split_of[identity]]} too; remove one.")
    return tree.camera_rows(base, split_of, lists)
