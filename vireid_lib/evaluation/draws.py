"""How queries and galleries are picked out of a table: all images, a seeded draw, the official draw."""

import random
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import scipy.io

from vireid_lib.evaluation.rules import camera_numbers

# Identity's number, zero-padded as the releases sort it → camera's number → index labels of its images.
Places = dict[str, dict[int, list]]


def images_by_place(table: pd.DataFrame, modality: str) -> Places:
    """Return the index labels of a modality's rows, by identity number, then camera, sorted by file name."""
    rows = table[table["modality"] == modality]
    order = pd.DataFrame(
        {
            "identity": [identity.rsplit("/", 1)[-1].zfill(4) for identity in rows["identity"]],
            "camera": camera_numbers(rows["camera"].to_numpy(), "camera", len(rows)),
            "file": [PurePath(path).name for path in rows["path"]],
        },
        index=rows.index,
    ).sort_values(["identity", "camera", "file"], kind="stable")
    places: Places = {}
    for label, identity, camera in zip(order.index, order["identity"], order["camera"], strict=True):
        places.setdefault(identity, {}).setdefault(int(camera), []).append(label)
    return places


def all_images(places: Places, cameras: Sequence[int] | None = None) -> list:
    """Return all images of these cameras (of all), by identity, camera (as listed) and file name."""
    return [
        label
        for by_camera in places.values()
        for camera in (sorted(by_camera) if cameras is None else cameras)
        for label in by_camera.get(camera, [])
    ]


def seeded_draw(places: Places, cameras: Sequence[int], trial: int, shots: int = 1) -> list:
    """Draw `shots` images per identity and camera with Python's generator seeded by the 0-based trial.

    One image per place is the draw of the releases of AGW, CAJ, DEEN and DART: identities ascending, cameras
    as listed, `choice` of the sorted file names. No release draws several that way; for `shots` above 1 the
    same generator samples without replacement, so those numbers compare among themselves only.
    """
    generator = random.Random(trial)
    drawn: list = []
    for by_camera in places.values():
        for camera in cameras:
            images = by_camera.get(camera, [])
            if images and shots == 1:
                drawn.append(generator.choice(images))
            elif images:
                drawn.extend(generator.sample(images, min(shots, len(images))))
    return drawn


def read_permutations(file: Path) -> dict[tuple[int, int], np.ndarray]:
    """Read SYSU-MM01's `rand_perm_cam.mat`: [trials, images] 1-based numbers per (camera, identity).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not hold the variable of that name.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(
            f"{file} does not exist: the official draw needs rand_perm_cam.mat, which comes with SYSU-MM01 "
            '(folder exp/); without it use draw="seeded"'
        )
    content = scipy.io.loadmat(file)
    if "rand_perm_cam" not in content:
        raise ValueError(f"{file} holds no variable rand_perm_cam; it is not SYSU-MM01's permutation file")
    permutations = {}
    for camera, cell in enumerate(content["rand_perm_cam"].ravel(), start=1):
        for identity, images in enumerate(np.asarray(cell).ravel(), start=1):
            if np.size(images):
                permutations[camera, identity] = np.atleast_2d(images).astype(np.int64)
    return permutations


def official_draw(
    places: Places,
    cameras: Sequence[int],
    trial: int,
    shots: int,
    permutations: dict[tuple[int, int], np.ndarray],
    paths: pd.Series,
) -> list:
    """Take the first `shots` images of the 0-based trial's official permutation, by camera, then identity.

    Args:
        paths: the path of each index label; the file's name is the image's number.

    Raises:
        ValueError: the permutation file knows nothing of a place or of the trial, or names an image that is
            missing.
    """
    drawn = []
    for camera in cameras:
        for identity, by_camera in places.items():
            if camera not in by_camera:
                continue
            numbers = permutations.get((camera, int(identity)), np.empty((0, 0), dtype=np.int64))
            where = f"camera {camera}, identity {identity}"
            if trial >= len(numbers):
                raise ValueError(f"the permutation file has no trial {trial} for {where}; is it this data set's?")
            by_number = {int(PurePath(paths[label]).stem): label for label in by_camera[camera]}
            for number in numbers[trial, :shots].tolist():
                if number not in by_number:
                    raise ValueError(
                        f"the official draw asks for image {number:04d} of {where}, which the table lacks: "
                        "the data set's copy is incomplete (`vireid data check` names what is missing)"
                    )
                drawn.append(by_number[number])
    return drawn
