"""LLCM's layout: training lists in idx/, test images under test_{vis,nir}/cam{n}/{identity}/."""

import re

from vireid_lib.data.layouts.files import RESTORE, LayoutError, Row, Tree, read_identities
from vireid_lib.data.manifest import Camera

NAMED_AS = {"visible": "vis", "infrared": "nir"}
# 0003_c01_s93410_f2812_nir.jpg. The camera is read from the file's own name or from its camera folder, never
# by searching the whole path for "cam": a root such as /home/camille breaks that.
FILE_NAME = re.compile(r"(\d+)_c(\d+)_")


def read(tree: Tree) -> list[Row]:
    """Return one row per image of both splits and both modalities. Raises LayoutError: a list or a camera is missing, a
    file's name says no identity and camera, or an identity is in both splits."""
    lists = [(f"idx/train_{word}.txt", modality, word) for modality, word in NAMED_AS.items()]

    def base(camera: Camera) -> str:
        return f"test_{NAMED_AS[camera.modality]}/cam{camera.number}"

    tree.require([*map(base, tree.manifest.cameras), *(name for name, *_ in lists), "idx/test_id.txt"])
    test = dict.fromkeys(read_identities(tree.root / "idx/test_id.txt"), "test")

    def identify(path: str, modality: str, name: str) -> tuple[int, int]:
        match = FILE_NAME.match(path.rsplit("/", 1)[-1])
        if not match:
            example = f"0003_c01_s9_f8_{NAMED_AS[modality]}.jpg"
            raise LayoutError(f"{tree.root / name}: {path} is not named as {example}; restore its name.")
        identity, camera = int(match[1]), int(match[2])
        if camera not in tree.manifest.camera_numbers():
            raise LayoutError(
                f"{tree.root / name}: {path} is of camera {camera}, which the manifest lacks; add it there."
            )
        if identity in test:
            raise LayoutError(f"{tree.root / name}: identity {identity} of {path} is in idx/test_id.txt too; {RESTORE}")
        return identity, camera

    training = tree.listed_rows("train", lists, identify)
    return training + tree.camera_rows(base, test, {"test": "idx/test_id.txt"})
