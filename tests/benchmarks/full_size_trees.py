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


def _write(root: Path, dataset: str, files: dict[str, list[tuple[str, int]]], varied: bool) -> int:
    """Render and write the files of each modality: (path, identity). Returns how many."""
    highest = 1 + max(identity for each in files.values() for _, identity in each)
    people, rng = list(islice(people_stream(0, f"full size {dataset}"), highest)), np.random.default_rng(0)
    places = {kind: [camera for camera in CAMERAS.values() if camera.modality == kind] for kind in files}
    for modality, shown in files.items():
        for folder in {str(Path(path).parent) for path, _ in shown}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for start in range(0, len(shown), BATCH):
            batch = shown[start : start + BATCH]
            views = [sample_view(rng, places[modality][int(rng.integers(2))]) for _ in batch]
            who = [people[identity] for _, identity in batch]
            for (path, _), pixels in zip(
                batch, render(who, views, height=128, width=64, modality=modality), strict=True
            ):
                image = Image.fromarray(pixels)
                if varied:
                    height = int(rng.integers(160, 400))
                    image = image.resize((round(height * rng.uniform(0.35, 0.5)), height), Image.Resampling.BILINEAR)
                image.save(root / path, **({} if path.endswith(".bmp") else {"quality": 90}))
    return sum(map(len, files.values()))


def _stated(manifest: str, what: str) -> int:
    """The number that the manifest states first for something."""
    return next(line.value for line in load_manifest(manifest).counts if line.what == what)


def _listed(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text + "\n")


def sysu(root: Path, share: float) -> int:
    """SYSU-MM01: 395 identities to train on (296 + 99), 96 to test."""
    count = {split: _stated("sysu_mm01", f"{split} identities") for split in ("train", "val", "test")}
    trained = count["train"] + count["val"]
    first, second = range(1, trained + 1), range(trained + 1, trained + count["test"] + 1)
    parts = [
        Part(first, "visible", _stated("sysu_mm01", "train+val visible images"), (1, 2, 4, 5)),
        Part(first, "infrared", _stated("sysu_mm01", "train+val infrared images"), (3, 6)),
        Part(second, "visible", _stated("sysu_mm01", "test visible images"), (1, 2, 4, 5)),
        Part(second, "infrared", _stated("sysu_mm01", "test infrared images"), (3, 6)),
    ]
    files: dict[str, list[tuple[str, int]]] = {"visible": [], "infrared": []}
    for part in (scaled(part, share) for part in parts):
        for who, camera, number in shots(part):
            files[part.modality].append((f"cam{camera}/{who:04d}/{number:04d}.jpg", who))
    train = scaled(parts[0], share).people
    held = train[-max(1, len(train) // 4) :]
    lists = {"train": train[: -len(held)], "val": held, "test": scaled(parts[2], share).people}
    for split, people in lists.items():
        _listed(root, f"exp/{split}_id.txt", ",".join(map(str, people)))
    return _write(root, "sysu_mm01", files, varied=True)


def market(root: Path, share: float) -> int:
    """Market-1501: 751 identities to train on, 750 to test; gt_bbox shows all 1,501."""
    train, test = range(1, 752), range(752, 1502)
    parts = {
        "bounding_box_train": Part(train, "visible", _stated("market1501", "train images"), range(1, 7)),
        "query": Part(test, "visible", _stated("market1501", "query images"), range(1, 7)),
        "bounding_box_test": Part(test, "visible", 15_913 - 2_793, range(1, 7)),
        "gt_bbox": Part(range(1, 1502), "visible", 12_936 + 15_913 - 2_793, range(1, 7)),  # as many as detected
    }
    files = []
    for number, (folder, whole) in enumerate(parts.items()):
        part = scaled(whole, share)
        for who, camera, shot in shots(part):
            files.append((f"{folder}/{who:04d}_c{camera}s1_{number:02d}{shot:04d}_01.jpg", who))
    junk = round(share * 2_793)
    files += [(f"bounding_box_test/0000_c{1 + k % 6}s1_{k:06d}_01.jpg", k % 50) for k in range(junk)]
    return _write(root, "market1501", {"visible": files}, varied=False)


def llcm(root: Path, share: float) -> int:
    """LLCM: 713 identities to train on, 351 to test, nine sites."""
    first, second, sites = (
        range(1, 714),
        range(714, 1065),
        {"visible": range(1, 10), "infrared": (1, 2, 4, 5, 6, 7, 8, 9)},
    )
    words, files = {"visible": "vis", "infrared": "nir"}, {"visible": [], "infrared": []}
    for people, split in ((first, "train"), (second, "test")):
        for modality, word in words.items():
            part = Part(people, modality, _stated("llcm", f"{split} {modality} images"), sites[modality])
            part, own = scaled(part, share), []
            for who, camera, shot in shots(part):
                name = f"{who:04d}_c{camera:02d}_s1_f{shot}_{word}.jpg"
                folder = f"{word}/{who:04d}" if split == "train" else f"test_{word}/cam{camera}/{who:04d}"
                own.append((f"{folder}/{name}", who))
            files[modality] += own
            if split == "train":
                _listed(root, f"idx/train_{word}.txt", "\n".join(f"{path} {who - 1}" for path, who in own))
            elif modality == "visible":
                _listed(root, "idx/test_id.txt", ",".join(map(str, part.people)))
    return _write(root, "llcm", files, varied=True)


def regdb(root: Path, share: float) -> int:
    """RegDB: 412 identities, ten images in each modality; ten splits into halves."""
    people = list(range(1, max(8, round(share * 412)) + 1))
    names = {"visible": "Visible", "infrared": "Thermal"}
    path = {kind: lambda who, k, name=name: f"{name}/{who}/{k:02d}.bmp" for kind, name in names.items()}
    files = {kind: [(of(who, k), who) for who in people for k in range(10)] for kind, of in path.items()}
    for trial in range(1, 11):
        order = np.random.default_rng(trial).permutation(people).tolist()
        halves = {"train": sorted(order[: len(order) // 2]), "test": sorted(order[len(order) // 2 :])}
        for split, half in halves.items():
            for kind, word in (("visible", "visible"), ("infrared", "thermal")):
                lines = [f"{path[kind](who, k)} {label}" for label, who in enumerate(half) for k in range(10)]
                _listed(root, f"idx/{split}_{word}_{trial}.txt", "\n".join(lines))
    return _write(root, "regdb", files, varied=False)


TREES = {"sysu_mm01": sysu, "market1501": market, "llcm": llcm, "regdb": regdb}
