"""The miniature world on disk: real layouts, determinism, disjoint people."""

import hashlib
import json
import os
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from vireid_lib.data.check import check_dataset
from vireid_lib.data.layouts import read_dataset
from vireid_lib.miniworld import write
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.write import Size, WorldError, make

TINY = Size(3, 1, 2, images_per_camera=2, external_ids=3, external_images=4, market_test_ids=1, infrared_images=2)


def _digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    summary = hashlib.sha256()
    for path in files:
        summary.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return summary.hexdigest()


def test_mini_vi_is_read_by_the_real_reader(world):
    table = read_dataset("mini_vi", world["mini_vi"])
    counts = table.groupby(["split", "camera"]).size()
    for split, ids in (("train", 3), ("val", 1), ("test", 2)):
        for camera in range(1, 7):
            assert counts[split, f"mini_vi/{camera}"] == 2 * ids
    infrared = table.modality == "infrared"
    assert set(table.camera[infrared]) == {"mini_vi/3", "mini_vi/6"}
    assert (world["mini_vi"] / "exp/train_id.txt").read_text() == "1,2,3\n"
    assert (world["mini_vi"] / "exp/test_id.txt").read_text() == "5,6\n"
    for path, is_infrared in zip(table.path, infrared, strict=True):
        with Image.open(path) as image:
            assert image.size == (64, 128) and image.format == "JPEG" and image.mode == "RGB"
            pixels = np.asarray(image).astype(int)
        assert (np.ptp(pixels, axis=-1).max() == 0) == is_infrared


@pytest.mark.parametrize("name", ["mini_vi", "mini_market"])
def test_a_world_states_counts_that_its_check_finds(world, name):
    report = check_dataset(name, world[name])
    assert report.usable and len(report.counts) >= 3
    assert all(line.agrees for line in report.counts)
    assert report.findings == []


def test_mini_market_is_read_by_the_real_reader(world):
    table = read_dataset("mini_market", world["mini_market"])
    assert set(table.modality) == {"visible"}
    train = table[table.split == "train"]
    assert train.groupby("identity").size().to_dict() == {f"mini_market/{i:04d}": 4 for i in (1, 2, 3)}
    assert set(train.camera) == {"mini_market/1"}
    assert {"_c1s1_", "_c1s2_"} == {os.path.basename(path)[4:10] for path in train.path}
    # Every query finds its person again under another camera.
    query, gallery = table[table.split == "query"], table[table.split == "gallery"]
    for row in query.itertuples():
        assert ((gallery.identity == row.identity) & (gallery.camera != row.camera)).any()
    assert not set(query.identity) & set(train.identity)


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(world, tmp_path):
    again = make(tmp_path / "again", seed=4, size=TINY)
    other = make(tmp_path / "other", seed=5, size=TINY)
    for name, folder in world.items():
        assert _digest(folder) == _digest(again[name])
        assert _digest(folder) != _digest(other[name])


def test_identical_settings_return_at_once_others_and_foreign_folders_are_refused(world, tmp_path):
    root, shot = world["mini_vi"].parent, world["mini_vi"] / "cam1/0001/0001.jpg"
    before = shot.stat().st_mtime_ns
    assert make(root, seed=4, size=TINY) == world and shot.stat().st_mtime_ns == before
    with pytest.raises(WorldError, match=r"seed 4 \(asked for: 9\)"):
        make(root, seed=9, size=TINY)
    with pytest.raises(WorldError, match="train_ids 3 \\(asked for: 8\\)"):
        make(root, seed=4, size="small")
    assert json.loads((root / "mini_vi/world.json").read_text())["seed"] == 4
    (tmp_path / "mini_market").mkdir()
    with pytest.raises(WorldError, match="has no world.json"):
        make(tmp_path, size=TINY)
    assert not (tmp_path / "mini_vi").exists()


def test_a_second_external_set_has_other_people_and_fewer_images(world, tmp_path):
    ask = {"root": tmp_path, "size": TINY, "names": (write.CAMPUS,)}
    (folder,) = make(**ask, seed=4).values()
    assert folder.name == "mini_campus" and check_dataset("mini_campus", folder).usable
    assert all(line.agrees for line in check_dataset("mini_campus", folder).counts)
    train = read_dataset("mini_campus", folder).query("split == 'train'")
    assert train.groupby("identity").size().unique().tolist() == [write.campus_images(TINY)] == [2]
    assert set(train["camera"]) == {"mini_campus/1", "mini_campus/2"}
    ours, theirs = (list(islice(people_stream(4, name), 4)) for name in ("mini_campus", "mini_market"))
    assert not any(person in theirs for person in ours)
    before = _digest(folder)
    assert list(make(**ask, seed=4).values()) == [folder] and _digest(folder) == before
    with pytest.raises(WorldError, match="another world: seed 4"):
        make(**ask, seed=5)
