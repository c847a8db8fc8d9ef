"""LLCM's layout: training lists in idx/, test images under test_{vis,nir}/cam{n}/{identity}/."""

import re
from pathlib import Path

from vireid_lib.data.layouts.files import (
    LayoutError,
    check_labels,
    check_light,
    check_owners,
    identity_folders,
    list_images,
    read_identities,
    read_listing,
    require,
    row,
)
from vireid_lib.data.manifest import DatasetManifest

NAMED_AS = {"visible": "vis", "infrared": "nir"}
OTHER = {"vis": "nir", "nir": "vis"}
# 0003_c01_s93410_f2812_nir.jpg. The camera is read from the file's own name or from its camera folder, never
# by searching the whole path for "cam": a root such as /home/camille breaks that.
FILE_NAME = re.compile(r"(\d+)_c(\d+)_")


def read(manifest: DatasetManifest, root: Path) -> list[dict[str, str]]:
    """Return one row per image of both splits and both modalities.

    Raises:
        LayoutError: a list or a camera is missing, a file's name says no identity and camera, or an identity
            is in both splits.
    """
    lists = [f"idx/train_{named}.txt" for named in NAMED_AS.values()] + ["idx/test_id.txt"]
    folders = [f"test_{NAMED_AS[camera.modality]}/cam{camera.number}" for camera in manifest.cameras]
    require(root, [*folders, *lists], manifest)
    test_identities = set(read_identities(root / "idx/test_id.txt"))
    return _training(manifest, root, test_identities) + _test(manifest, root, test_identities)


def _training(manifest: DatasetManifest, root: Path, test_identities: set[int]) -> list[dict[str, str]]:
    rows, label_of = [], {}
    for modality, named in NAMED_AS.items():
        listing = f"idx/train_{named}.txt"
        for path, label in read_listing(root, listing):
            match = FILE_NAME.match(path.rsplit("/", 1)[-1])
            if not match:
                raise LayoutError(
                    f"{root / listing}: the name of {path} does not say identity and camera, as in "
                    f"0003_c01_s9_f8_{named}.jpg; restore the file's name."
                )
            identity, camera = int(match[1]), int(match[2])
            if camera not in manifest.camera_numbers():
                raise LayoutError(
                    f"{root / listing}: {path} is of camera {camera}, which the manifest lacks; add it there."
                )
            if identity in test_identities:
                raise LayoutError(
                    f"{root / listing}: identity {identity} of {path} is in idx/test_id.txt too; restore the "
                    "lists from the data set's archive."
                )
            check_light(path, named, OTHER[named], str(root / listing))
            check_labels(label_of, identity, label, str(root / listing))
            rows.append(row(manifest, root, path, identity, camera, modality, "train"))
    check_owners(label_of, f"{root}, training lists")
    return rows


def _test(manifest: DatasetManifest, root: Path, test_identities: set[int]) -> list[dict[str, str]]:
    rows, seen = [], set()
    for camera in manifest.cameras:
        base = f"test_{NAMED_AS[camera.modality]}/cam{camera.number}"
        for identity, folder in identity_folders(root / base).items():
            if identity not in test_identities:
                continue
            for name in list_images(folder):
                seen.add(identity)
                path = f"{base}/{folder.name}/{name}"
                rows.append(row(manifest, root, path, identity, camera.number, camera.modality, "test"))
    for identity in sorted(test_identities - seen):
        raise LayoutError(
            f"{root / 'idx/test_id.txt'} lists identity {identity}, but no camera has an image of it; "
            "unpack the data set again, or remove the identity from the list."
        )
    return rows
