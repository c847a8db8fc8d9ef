"""The miniature world on disk: real layouts, determinism, disjoint people."""

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
from vireid_lib.miniworld.write import WorldError, make


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(world, tiny, tmp_path):
    size, seed = tiny
    again, other = (make(tmp_path / str(each), seed=each, size=size) for each in (seed, seed + 1))
    for name, folder in world.items():
        assert contents(folder) == contents(again[name]) != contents(other[name])


def test_identical_settings_return_at_once_others_and_foreign_folders_are_refused(world, tiny, tmp_path):
    (size, seed), root, shot = tiny, world["mini_vi"].parent, world["mini_vi"] / "cam1/0001/0001.jpg"
    before = shot.stat().st_mtime_ns
    assert make(root, seed=seed, size=size) == world and shot.stat().st_mtime_ns == before
    with pytest.raises(WorldError, match=r"seed 4 \(asked for: 9\)"):
        make(root, seed=9, size=size)
    with pytest.raises(WorldError, match="train_ids 3 \\(asked for: 8\\)"):
        make(root, seed=seed, size="small")
    assert json.loads((root / "mini_vi/world.json").read_text())["seed"] == seed
    (tmp_path / "mini_market").mkdir()
    with pytest.raises(WorldError, match="has no world.json"):
        make(tmp_path, size=size)
    assert not (tmp_path / "mini_vi").exists()


def test_a_second_external_set_has_other_people_and_fewer_images(tiny, tmp_path):
    size, seed = tiny
    ask = {"root": tmp_path, "size": size, "seed": seed, "names": (write.CAMPUS,)}
    (folder,) = make(**ask).values()
    report = check_dataset("mini_campus", folder)
    assert folder.name == "mini_campus" and report.usable and all(line.agrees for line in report.counts)
    train = read_dataset("mini_campus", folder).query("split == 'train'")
    assert train.groupby("identity").size().unique().tolist() == [write.campus_images(size)] == [2]
    assert set(train["camera"]) == {"mini_campus/1", "mini_campus/2"}
    ours, theirs = (list(islice(people_stream(seed, name), 4)) for name in ("mini_campus", "mini_market"))
    assert not any(person in theirs for person in ours)
    before = contents(folder)
    assert list(make(**ask).values()) == [folder] and contents(folder) == before
    with pytest.raises(WorldError, match="another world: seed 4"):
        make(**ask | {"seed": 5})
