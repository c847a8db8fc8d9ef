"""How queries and galleries are drawn from a table: all images, a seeded draw, the official draw."""

import os
import random
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import scipy.io

from vireid_lib.data.contents import kept_until_changed
from vireid_lib.evaluation.rules import camera_numbers

# Identity's number, zero-padded as the releases sort it → camera's number → index labels of its images.
Places = dict[str, dict[int, list]]

CAMERAS = 6  # of SYSU-MM01, in its permutation file


def images_by_place(table: pd.DataFrame, modality: str) -> Places:
    """Return the index labels of a modality's rows, by identity number, then camera, sorted by file name."""
    rows = table[table["modality"] == modality]
    order = pd.DataFrame(
        {
            "identity": [identity.rsplit("/", 1)[-1].zfill(4) for identity in rows["identity"]],
            "camera": camera_numbers(rows["camera"].to_numpy(), "camera", len(rows)),
            "file": rows["path"].map(os.path.basename),
        },
        index=rows.index,
    ).sort_values(["identity", "camera", "file"], kind="stable")
    places: Places = {}
    for label, identity, camera in zip(order.index, order["identity"], order["camera"], strict=True):
        places.setdefault(identity, {}).setdefault(int(camera), []).append(label)
    return places


def all_images(places: Places, cameras: Sequence[int] | None = None) -> list:
    """Return all images of these cameras (of all), by identity, camera (as listed) and file name."""
    held = ((by_camera, sorted(by_camera) if cameras is None else cameras) for by_camera in places.values())
    return [label for by_camera, wanted in held for camera in wanted for label in by_camera.get(camera, [])]


def seeded_draw(places: Places, cameras: Sequence[int], trial: int, shots: int = 1) -> list:
    """Draw `shots` images per identity and camera with Python's generator seeded by the 0-based trial.

    One image per place is the draw of the releases of AGW, CAJ, DEEN and DART: identities ascending, cameras
    as listed, `choice` of the sorted file names. No release draws several in this way; for `shots` above 1 the
    same generator samples without replacement, so those numbers compare among themselves only.
    """
    generator = random.Random(trial)
    held = [by_camera[camera] for by_camera in places.values() for camera in cameras if camera in by_camera]
    if shots == 1:
        return [generator.choice(images) for images in held]
    return [label for images in held for label in generator.sample(images, min(shots, len(images)))]


def read_permutations(file: Path) -> dict[tuple[int, int], np.ndarray]:
    """Read SYSU-MM01's `rand_perm_cam.mat`: [trials, images] 1-based numbers per (camera, identity); a file that has
    not changed is read once. Raises FileNotFoundError: there is no such file; ValueError: it is no MATLAB file, or not
    cells of six cameras with cells of identities with numbers in them."""
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f'{file} does not exist: copy it from SYSU-MM01, folder exp/, or use draw="seeded"')
    return _read(file)


@kept_until_changed(4)
def _read(file: Path) -> dict[tuple[int, int], np.ndarray]:
    def refuse(what: str) -> ValueError:
        return ValueError(f"{file} {what}; copy the file that comes with SYSU-MM01 (folder exp/) again")

    try:
        content = scipy.io.loadmat(file)
    except Exception as error:  # scipy raises errors of a dozen classes for other files
        raise refuse(f"cannot be read as a MATLAB file ({type(error).__name__}: {error})") from error
    cameras, permutations = content.get("rand_perm_cam", np.empty(0)).ravel(), {}
    if cameras.dtype != object or len(cameras) != CAMERAS:
        raise refuse(f"holds no variable rand_perm_cam with a cell for each of SYSU-MM01's {CAMERAS} cameras")
    for camera, cell in enumerate(cameras, start=1):
        for identity, images in enumerate(np.asarray(cell).ravel(), start=1):
            if not np.size(images):
                continue
            whole = np.issubdtype(images.dtype, np.number) and images.ndim == 2 and (images == np.round(images)).all()
            if not whole or images.min() < 1:
                raise refuse(f"for camera {camera}, identity {identity} holds {images.dtype} values, no numbers from 1")
            permutations[camera, identity] = images.astype(np.int64)
    return permutations


def official_draw(
    places: Places,
    cameras: Sequence[int],
    trial: int,
    shots: int,
    permutations: dict[tuple[int, int], np.ndarray],
    paths: pd.Series,
) -> list:
    """Take the first `shots` images of the 0-based trial's official permutation, by camera, then identity; `paths` has
    the path of each index label, whose file's name is the image's number. An identity without images has a place for no
    camera. Raises ValueError: the permutation file lacks a place or the trial, or names an image that is missing."""
    drawn = []
    for camera in cameras:
        for identity, by_camera in places.items():
            numbers = permutations.get((camera, int(identity)), np.empty((0, 0), dtype=np.int64))
            if camera not in by_camera and not numbers.size:
                continue
            where = f"camera {camera}, identity {identity}"
            if trial >= len(numbers):
                raise ValueError(f"it has no trial {trial} for {where}; is it this data set's?")
            chosen = numbers[trial, :shots].tolist()
            if len(set(chosen)) < len(chosen):
                raise ValueError(f"trial {trial} for {where} names an image twice; is it this data set's?")
            by_number = {}
            for label in by_camera.get(camera, []):
                if not (name := PurePath(paths[label]).stem).isdecimal():
                    raise ValueError(f"the official draw knows images by number: rename or remove {paths[label]}")
                by_number[int(name)] = label
            for number in (number for number in chosen if number not in by_number):
                raise ValueError(f"image {number:04d} of {where}, which the table lacks: incomplete; unpack it again")
            drawn += [by_number[number] for number in chosen]
    return drawn
