"""Writes the miniature world to disk in the layouts of the real data sets; one seed, one set of files."""

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice, product
from pathlib import Path

import numpy as np
from PIL import Image

from vireid_lib import user_paths
from vireid_lib.data.contents import written_aside
from vireid_lib.data.text import read_json
from vireid_lib.miniworld.cameras import CAMERAS, INFRARED, VISIBLE, View, sample_view
from vireid_lib.miniworld.people import Person, people_stream, redraw_infrared
from vireid_lib.miniworld.render import render

HEIGHT, WIDTH, QUALITY = 128, 64, 95
LOOK = 1  # raise it whenever a change makes the same seed look different: older worlds on disk are then refused

SETS, CAMPUS = ("mini_vi", "mini_market", "mini_truth"), "mini_campus"
SPLITS = ("train", "val", "test")  # of mini_vi

_BATCH = 128


@dataclass(frozen=True)
class Size:
    """How many people and pictures a world has; `external` people are mini_market's training part.

    `infrared_images` are the true infrared pictures of each external person and infrared camera. Test people have
    `test_images` by each camera; None is as many as the others, `images_per_camera`.
    """

    train_ids: int = 20
    val_ids: int = 5
    test_ids: int = 400
    images_per_camera: int = 8
    external_ids: int = 80
    external_images: int = 16
    market_test_ids: int = 12
    infrared_images: int = 8
    test_images: int | None = None

    def images_of(self, split: str) -> int:
        """Pictures of each person of mini_vi's `split` by each camera."""
        return self.images_per_camera if split != "test" or self.test_images is None else self.test_images


SIZES = {
    "mini": Size(test_images=4),
    "small": Size(8, 4, 8, 4, external_ids=10, external_images=8, market_test_ids=4, infrared_images=4),
}


class WorldError(ValueError):
    """A miniature world that cannot be written as asked; names the folder and the remedy."""


@dataclass(frozen=True)
class Picture:
    """One picture to take: where it goes (below the data set's folder), of whom, by which camera. `key` seeds the view:
    the same for the same person, camera and number, whatever else is written."""

    path: str
    person: Person
    camera: str
    key: str

    def view(self, seed: int) -> View:
        return sample_view(_generator(seed, self.key), CAMERAS[self.camera])


def make(
    root: str | Path, *, seed: int = 0, size: str | Size = "mini", names: tuple[str, ...] = SETS
) -> dict[str, Path]:
    """Write the data sets `names` below `root`, unless they are already there; returns the folder of each.

    `mini_vi` is laid out as SYSU-MM01, `mini_market` as Market-1501; `mini_truth` holds what no data set has, the
    infrared pictures of mini_market's training people (`oracle.read_oracle`). `mini_campus` is a second external set,
    laid out as CUHK03-NP: by two other cameras, and fewer images of each person (five eighths as many), as CUHK03-NP
    has fewer than Market-1501; their infrared is not known. No person of one data set is in another. Each folder is
    complete or absent, and keeps its settings in `world.json`; every file is a function of the seed and of nothing
    else. Raises WorldError: an unknown size, a negative seed, or a folder that holds a world with other settings.
    """
    if isinstance(size, str):
        if size not in SIZES:
            raise WorldError(f"no world size {size!r}; choose one of {', '.join(SIZES)} or give a Size")
        size = SIZES[size]
    if seed < 0:
        raise WorldError(f"seed {seed} is negative; give 0 or more")
    root = Path(os.path.abspath(root))
    settings = {"seed": seed, "look": LOOK, "height": HEIGHT, "width": WIDTH, **asdict(size)}
    user_paths.made(root)
    folders = {name: root / name for name in names}
    for folder in folders.values():
        _refuse_other_settings(folder, settings)
    for name in names:
        if not (root / name).exists():
            with written_aside(root / name) as folder:
                folder.mkdir()
                if name == "mini_vi":
                    _write_split_lists(folder, size)
                _write_pictures(folder, PICTURES[name](seed, size), seed)
                record = {"name": name, **settings, "counts": _counts(name, size)}
                (folder / "world.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            _refuse_other_settings(root / name, settings)  # another process may have been first
    return folders


def campus_images(size: Size) -> int:
    return max(2, round(0.625 * size.external_images))


def _counts(name: str, size: Size) -> dict[str, int]:
    """What `vireid data check` compares with the images on disk, worded as the manifests word it."""
    if name == "mini_vi":
        counts = {f"{split} identities": getattr(size, f"{split}_ids") for split in SPLITS}
        for split, (modality, cameras) in product(SPLITS, (("visible", VISIBLE), ("infrared", INFRARED))):
            images = len(cameras) * size.images_of(split)
            counts[f"{split} {modality} images"] = counts[f"{split} identities"] * images
        return counts
    if name == "mini_truth":
        return {}
    people, images = size.external_ids, campus_images(size) if name == CAMPUS else size.external_images
    return {"train identities": people, "train images": people * images, "query identities": size.market_test_ids}


def _refuse_other_settings(folder: Path, settings: dict[str, int]) -> None:
    if not folder.exists():
        return
    record = folder / "world.json"
    if not record.is_file():
        raise WorldError(f"{folder} is there but has no world.json; choose another root or remove the folder")
    found = read_json(record)
    differing = [key for key, value in settings.items() if found.get(key) != value]
    if told := ", ".join(f"{key} {found.get(key)} (asked for: {settings[key]})" for key in differing):
        raise WorldError(f"{folder} holds another world: {told}; choose another root or remove the folder")


def _write_split_lists(folder: Path, size: Size) -> None:
    (folder / "exp").mkdir()
    numbers = count(1)
    for split in SPLITS:
        ids = ",".join(map(str, islice(numbers, getattr(size, f"{split}_ids"))))
        (folder / "exp" / f"{split}_id.txt").write_text(ids + "\n", encoding="utf-8")


def _mini_vi(seed: int, size: Size) -> Iterator[Picture]:
    learned = size.train_ids + size.val_ids
    for number, person in enumerate(islice(people_stream(seed, "mini_vi"), learned + size.test_ids), 1):
        for camera in (*VISIBLE, *INFRARED):
            for index in range(size.images_of("train" if number <= learned else "test")):
                path = f"cam{CAMERAS[camera].number}/{number:04d}/{index + 1:04d}.jpg"
                yield Picture(path, person, camera, f"{camera}/{number}/{index}")


def _external(name: str, seed: int, size: Size, cameras: list[int]) -> Iterator[Picture]:
    """`cameras` take the images of each training person, one each."""
    people = islice(people_stream(seed, name), size.external_ids + size.market_test_ids)
    for number, person in enumerate(people, 1):  # the training people first
        if number <= size.external_ids:
            shots = [("bounding_box_train", camera, index) for index, camera in enumerate(cameras)]
        else:  # two queries by one camera, found again by the other
            shots = [("query", 1, 0), ("query", 2, 0)]
            shots += [("bounding_box_test", camera, index) for camera in (1, 2) for index in range(1, 4)]
        for folder, camera, index in shots:
            frame, key = 1000 * number + 25 * index + 1, f"{name}/{camera}"
            file = f"{number:04d}_c{camera}s{1 + index % 2}_{frame:06d}_{1 + index // 2:02d}.jpg"
            yield Picture(f"{folder}/{file}", person, key, f"{key}/{number}/{index}")


def _truth(seed: int, size: Size) -> Iterator[Picture]:
    for number, person in enumerate(islice(people_stream(seed, "mini_market"), size.external_ids), 1):
        redrawn = redraw_infrared(person, _generator(seed, f"redrawn/{number}"))
        for kind, subject in (("true", person), ("redrawn", redrawn)):
            for camera in INFRARED:
                for index in range(size.infrared_images):
                    path = f"{kind}/cam{CAMERAS[camera].number}/{number:04d}/{index + 1:04d}.jpg"
                    # Both kinds share poses: they differ in materials only.
                    yield Picture(path, subject, camera, f"truth/{camera}/{number}/{index}")


PICTURES: dict[str, Callable[[int, Size], Iterator[Picture]]] = {
    "mini_vi": _mini_vi,
    "mini_market": lambda seed, size: _external("mini_market", seed, size, [1] * size.external_images),
    "mini_truth": _truth,
    CAMPUS: lambda seed, size: _external(CAMPUS, seed, size, [1 + index % 2 for index in range(campus_images(size))]),
}
"""What each data set shows."""


def _generator(seed: int, key: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def _write_pictures(folder: Path, pictures: Iterable[Picture], seed: int) -> None:
    pictures = list(pictures)
    for modality in ("visible", "infrared"):
        group = [picture for picture in pictures if CAMERAS[picture.camera].modality == modality]
        for parent in {os.path.dirname(picture.path) for picture in group}:
            (folder / parent).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(group), _BATCH):
            batch = group[start : start + _BATCH]
            views, people = [picture.view(seed) for picture in batch], [picture.person for picture in batch]
            images = render(people, views, height=HEIGHT, width=WIDTH, modality=modality)
            for picture, pixels in zip(batch, images, strict=True):
                # Full chroma resolution: at this size halving it would wash out stripes.
                Image.fromarray(pixels).save(folder / picture.path, "JPEG", quality=QUALITY, subsampling=0)
