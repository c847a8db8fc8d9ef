"""Trees of the real data sets' size and layout, drawn by the miniature world's renderer: no image of theirs is in them.

Numbers of identities and images are the manifests'. Pictures are rendered at 128×64 pixels and, of SYSU-MM01 and LLCM,
scaled to heights between 160 and 400, as the real sets' boxes have many sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vireid_lib.data.manifest import load_manifest
from vireid_lib.miniworld.cameras import CAMERAS, sample_view
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render

BATCH = 128


class Part(NamedTuple):
    """Images of some identities in one modality: how many, by which cameras."""

    people: range
    modality: str
    images: int
    cameras: Sequence[int]


def shots(part: Part) -> Iterator[tuple[int, int, int]]:
    """(identity, camera, number from 1) of every image, spread evenly over identities, then over their cameras."""
    for place in range(part.images):
        round_, who = divmod(place, len(part.people))
        yield part.people[who], part.cameras[(round_ + who) % len(part.cameras)], round_ // len(part.cameras) + 1


def scaled(part: Part, share: float) -> Part:
    """A share of the identities, with as many images of each."""
    count = max(4, round(share * len(part.people)))
    people = range(part.people.start, part.people.start + count)
    return part._replace(people=people, images=max(4 * count, round(part.images * count / len(part.people))))


def _write(root: Path, dataset: str, files: dict[str, list[tuple[str, int]]], *, varied: bool) -> None:
    """Render and write the files of each modality: (path, identity)."""
    highest = 1 + max(identity for each in files.values() for _, identity in each)
    people, rng = list(islice(people_stream(0, f"full size {dataset}"), highest)), np.random.default_rng(0)
    for modality, shown in files.items():
        cameras = [camera for camera in CAMERAS.values() if camera.modality == modality][:2]
        for folder in {str(Path(path).parent) for path, _ in shown}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(shown), BATCH):
            paths, who = zip(*shown[start : start + BATCH], strict=True)
            views = [sample_view(rng, cameras[int(rng.integers(2))]) for _ in paths]
            drawn = render([people[each] for each in who], views, height=128, width=64, modality=modality)
            for path, pixels in zip(paths, drawn, strict=True):
                image = Image.fromarray(pixels)
                if varied:
                    height = int(rng.integers(160, 400))
                    image = image.resize((round(height * rng.uniform(0.35, 0.5)), height), Image.Resampling.BILINEAR)
                image.save(root / path, **({} if path.endswith(".bmp") else {"quality": 90}))


def _stated(manifest: str, what: str) -> int:
    """The number that the manifest states first for something."""
    return next(line.value for line in load_manifest(manifest).counts if line.what == what)


def _listed(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text + "\n")


def sysu(root: Path, share: float) -> None:
    """SYSU-MM01: 395 identities to train on (296 + 99), 96 to test."""
    trained = sum(_stated("sysu_mm01", f"{split} identities") for split in ("train", "val"))
    tested = range(trained + 1, trained + _stated("sysu_mm01", "test identities") + 1)
    cameras, files = {"visible": (1, 2, 4, 5), "infrared": (3, 6)}, {"visible": [], "infrared": []}
    lists = {}
    for split, people in (("train+val", range(1, trained + 1)), ("test", tested)):
        for modality, seen in cameras.items():
            whole = Part(people, modality, _stated("sysu_mm01", f"{split} {modality} images"), seen)
            part = scaled(whole, share)
            lists[split] = part.people
            files[modality] += [(f"cam{at}/{who:04d}/{number:04d}.jpg", who) for who, at, number in shots(part)]
    train = lists.pop("train+val")
    held = max(1, len(train) // 4)
    for split, people in (lists | {"train": train[:-held], "val": train[-held:]}).items():
        _listed(root, f"exp/{split}_id.txt", ",".join(map(str, people)))
    _write(root, "sysu_mm01", files, varied=True)


def market(root: Path, share: float) -> None:
    """Market-1501: 751 identities to train on, 750 to test; gt_bbox shows all 1,501."""
    train, test = range(1, 752), range(752, 1502)
    parts = {
        "bounding_box_train": (train, _stated("market1501", "train images")),
        "query": (test, _stated("market1501", "query images")),
        "bounding_box_test": (test, 15_913 - 2_793),
        "gt_bbox": (range(1, 1502), 12_936 + 15_913 - 2_793),  # as many as detected
    }
    files = []
    for number, (folder, (people, images)) in enumerate(parts.items()):
        for who, camera, shot in shots(scaled(Part(people, "visible", images, range(1, 7)), share)):
            files.append((f"{folder}/{who:04d}_c{camera}s1_{number:02d}{shot:04d}_01.jpg", who))
    junk = round(share * 2_793)
    files += [(f"bounding_box_test/0000_c{1 + k % 6}s1_{k:06d}_01.jpg", k % 50) for k in range(junk)]
    _write(root, "market1501", {"visible": files}, varied=False)


def llcm(root: Path, share: float) -> None:
    """LLCM: 713 identities to train on, 351 to test, nine sites."""
    sites = {"visible": ("vis", range(1, 10)), "infrared": ("nir", (1, 2, 4, 5, 6, 7, 8, 9))}
    files: dict[str, list[tuple[str, int]]] = {"visible": [], "infrared": []}
    for split, people in (("train", range(1, 714)), ("test", range(714, 1065))):
        for modality, (word, cameras) in sites.items():
            part, own = Part(people, modality, _stated("llcm", f"{split} {modality} images"), cameras), []
            part = scaled(part, share)
            for who, camera, shot in shots(part):
                folder = f"{word}/{who:04d}" if split == "train" else f"test_{word}/cam{camera}/{who:04d}"
                own.append((f"{folder}/{who:04d}_c{camera:02d}_s1_f{shot}_{word}.jpg", who))
            files[modality] += own
            if split == "train":
                _listed(root, f"idx/train_{word}.txt", "\n".join(f"{path} {who - 1}" for path, who in own))
            else:
                _listed(root, "idx/test_id.txt", ",".join(map(str, part.people)))
    _write(root, "llcm", files, varied=True)


def regdb(root: Path, share: float) -> None:
    """RegDB: 412 identities, ten images in each modality; ten splits into halves."""
    people = range(1, max(8, round(share * 412)) + 1)
    names, numbers = {"visible": "Visible", "infrared": "Thermal"}, range(10)
    files = {
        kind: [(f"{name}/{who}/{k:02d}.bmp", who) for who in people for k in numbers] for kind, name in names.items()
    }
    for trial in range(1, 11):
        order = np.random.default_rng(trial).permutation(people).tolist()
        for split, half in (("train", order[: len(order) // 2]), ("test", order[len(order) // 2 :])):
            label = {who: place for place, who in enumerate(sorted(half))}
            for kind, shown in files.items():
                lines = [f"{path} {label[who]}" for path, who in shown if who in label]
                _listed(root, f"idx/{split}_{names[kind].lower()}_{trial}.txt", "\n".join(lines))
    _write(root, "regdb", files, varied=False)


TREES = {"sysu_mm01": sysu, "market1501": market, "llcm": llcm, "regdb": regdb}
