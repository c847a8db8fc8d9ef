"""Small trees that lie on disk as the real data sets do. Each layout gives the paths of its images, without suffix, and
the lines of its lists, in which * stands for the suffix; `write` writes both."""

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

LLCM_CAMERAS = {"vis": range(1, 10), "nir": (1, 2, 4, 5, 6, 7, 8, 9)}

Tree = tuple[list[str], dict[str, list[str]]]


def picture(path: Path, grey: bool = False) -> None:
    """Write a small picture that no other path has."""
    shape = (16, 8) if grey else (16, 8, 3)
    pixels = np.random.default_rng(zlib.crc32(str(path).encode())).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write(root: Path, tree: Tree, suffix: str = ".jpg", draw: Callable[[Path, bool], None] = picture) -> Path:
    """Write the images, those of cam3 and Thermal in grey, and the lists."""
    images, lists = tree
    for path in images:
        draw(root / f"{path}{suffix}", path.startswith(("cam3/", "Thermal/")))
    for listing, lines in lists.items():
        (root / listing).parent.mkdir(parents=True, exist_ok=True)
        (root / listing).write_text("".join(f"{line.replace('*', suffix)}\n" for line in lines))
    for light, cameras in LLCM_CAMERAS.items() if "idx/test_id.txt" in lists else ():
        for camera in cameras:
            (root / f"test_{light}/cam{camera}").mkdir(parents=True, exist_ok=True)
    return root


def sysu(seen: dict[int, dict[int, int]], parts: dict[str, Iterable[int]], form: str = "{:04d}") -> Tree:
    """SYSU-MM01. `seen`: identity → camera → number of images; `parts`: the identities of "train", "val" and "test"."""
    counts = [(one, camera, count) for one, cameras in seen.items() for camera, count in cameras.items()]
    images = [f"cam{camera}/{form.format(one)}/{n + 1:04d}" for one, camera, count in counts for n in range(count)]
    return images, {f"exp/{part}_id.txt": [",".join(map(str, ids))] for part, ids in parts.items()}


def permutations(orders: Callable[[int, int], object], people: int) -> np.ndarray:
    """SYSU-MM01's `rand_perm_cam`: a cell for each camera, in it a cell for each person. `orders(camera, person)`: the
    images' numbers, a row for each trial."""
    cells = np.empty((6, 1), object)
    for camera in range(6):
        cells[camera, 0] = np.empty((people, 1), object)
        for person in range(people):
            cells[camera, 0][person, 0] = np.asarray(orders(camera + 1, person + 1), np.uint8)
    return cells


def regdb(counts: dict[int, int], trials: list[tuple[int, ...]]) -> Tree:
    """RegDB. `counts`: identity → images in each modality; `trials`: the identities that each trains on."""
    images, lists = [], {}
    for place in ("Visible", "Thermal"):
        files = {
            one: [f"{place}/{one}/male_front_{place[0].lower()}_{n:02d}_{one}" for n in range(count)]
            for one, count in counts.items()
        }
        images += [path for paths in files.values() for path in paths]
        for trial, training in enumerate(trials, 1):
            for split, ids in (("train", training), ("test", [one for one in counts if one not in training])):
                lines = [f"{path}* {label}" for label, one in enumerate(ids) for path in files[one]]
                lists[f"idx/{split}_{place.lower()}_{trial}.txt"] = lines
    return images, lists


def llcm(
    train: Iterable[int],
    test: Iterable[int],
    seen: Callable[[int, str], Iterable[int]] = lambda one, light: (1, 2),
    frames: int = 1,
    form: str = "{:04d}",
) -> Tree:
    """LLCM. `seen`: the cameras that see an identity in a light ("vis", "nir"); `frames`: images by each."""
    images, lists = [], {"idx/test_id.txt": [",".join(map(str, test))]}
    for light in LLCM_CAMERAS:
        shots = {one: [(camera, n) for camera in seen(one, light) for n in range(frames)] for one in (*train, *test)}
        name = f"{{one:04d}}_c{{camera:02d}}_s9_f{{n}}_{light}"
        own = [
            (f"{light}/{one:04d}/{name.format(one=one, camera=camera, n=n)}", label)
            for label, one in enumerate(train)
            for camera, n in shots[one]
        ]
        lists[f"idx/train_{light}.txt"] = [f"{path}* {label}" for path, label in own]
        images += [path for path, _ in own]
        images += [
            f"test_{light}/cam{camera}/{form.format(one)}/{name.format(one=one, camera=camera, n=n)}"
            for one in test
            for camera, n in shots[one]
        ]
    return images, lists


def market(folders: dict[str, Iterable[str]]) -> Tree:
    """Market-1501: folder → names, such as "0002_c1s1_000451_03"."""
    return [f"{folder}/{name}" for folder, names in folders.items() for name in names], {}
