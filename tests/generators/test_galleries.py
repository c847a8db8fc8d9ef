"""A gallery that was interrupted becomes the gallery of an unbroken run."""

import json
import resource
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from vireid_lib.generators.base import galleries, gallery_files, plans
from vireid_lib.generators.base.plans import SampleRequest


def maker_of(name, make, batch):
    """What a gallery asks of its generator."""
    config = SimpleNamespace(sampling_batch=batch)
    return SimpleNamespace(name=name, make=make, config=config, group=lambda item: 0, progress=False)


def planned(folder):
    return [
        SampleRequest(f"x/{number}", "set/3", folder / f"cam3/{number}/0001.png", (number, 100 + number, 200, 300))
        for number in range(7)
    ]


def rounded_by_batch(made):
    """A generator whose pictures depend a little on which others are made with them, as those of a GPU do; that of
    seed 2 is constant. Notes what it makes."""

    def make(items, attempt):
        made.append([item.identity for item in items])
        pictures = np.zeros((len(items), 16, 8, 3), np.uint8)
        for picture, item in zip(pictures, items, strict=True):
            picture[:8] = item.seeds[attempt] % 50
            picture[8:] = 100 + 10 * len(items) + sum(other.seeds[attempt] for other in items) % 10
            if item.seeds[attempt] == 2:
                picture[:] = 7
        return pictures

    return make


@pytest.mark.parametrize("gone", [[1], [0, 2], [2, 4], [6], range(7)])
def test_what_a_killed_run_did_not_make_is_what_it_would_have_made(tmp_path, gone):
    def write(name):
        made = []
        maker = maker_of("dive", rounded_by_batch(made), 3)
        return galleries.write(maker, planned(tmp_path / name), tmp_path / name, {"seed": 0}), made

    whole, _ = write("whole")
    write("broken")
    for number in gone:
        planned(tmp_path / "broken")[number].path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "broken").rglob("*.png")}
    table, made = write("broken")
    for ours, theirs in zip(table["path"], whole["path"], strict=True):
        with open(ours, "rb") as one, open(theirs, "rb") as other:
            assert one.read() == other.read()
    assert table["seed"].tolist() == whole["seed"].tolist() == [0, 1, 102, 3, 4, 5, 6]
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    batches = {number // 3 for number in gone}  # no other is made again
    assert {int(name[2:]) // 3 for names in made for name in names} == batches


def test_a_full_disk_costs_nothing_that_was_made(tmp_path, monkeypatch):
    def gallery(name):
        maker = maker_of("dive", rounded_by_batch([]), 3)
        return galleries.write(maker, planned(tmp_path / name), tmp_path / name, {"seed": 0})

    whole, write, begun = gallery("whole"), gallery_files.write_image, []

    def third_finds_it_full(path, *values):
        begun.append(path)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)  # beyond it writing fails as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (30 if len(begun) == 3 else soft, hard))
        try:
            write(path, *values)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(gallery_files, "write_image", third_finds_it_full)
    with pytest.raises(OSError, match="File too large"):
        gallery("broken")
    left = [path for path in (tmp_path / "broken").rglob("*") if path.is_file() and path.name != "plan.json"]
    assert sorted(left) == sorted(begun[:2]) and all(gallery_files.is_complete(path) for path in left)
    times = [path.stat().st_mtime_ns for path in left]
    table = gallery("broken")
    assert table["seed"].tolist() == whole["seed"].tolist() and len(table) == 7
    assert [path.stat().st_mtime_ns for path in left] == times


def written(folder, bad, count=300, batch=4):
    """A gallery of `count` images whose pictures are constant where `bad(item)` says so."""
    paths = [folder / f"cam3/{number}/0001.png" for number in range(count)]
    starts = [("first.png",), (("second.png",), ("third.png",))]
    items = [
        SampleRequest(
            f"x/{n}", "set/3", path, (n, 1000 + n, 2000 + n, 3000 + n), starts[0], "visible", starts=starts[1]
        )
        for n, path in enumerate(paths)
    ]

    def make(items, attempt):
        pictures = np.tile(np.arange(8, dtype=np.uint8)[:, None, None] * 30, (len(items), 1, 8, 3))
        for picture, item in zip(pictures, (item.at(attempt) for item in items), strict=True):
            picture *= not bad(item)
        return pictures

    return galleries.write(maker_of("cyclegan", make, batch), items, folder, {})


def test_the_next_start_is_taken_then_the_image_is_left_out_and_said(tmp_path):
    """Images 5 and 7 fail from their first start, image 9 from all of them."""

    def bad(item):
        return item.identity == "x/9" or (item.identity in ("x/5", "x/7") and item.source_images == ("first.png",))

    table = written(tmp_path, bad)
    assert len(table) == 299 and "x/9" not in set(table["identity"])
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert galleries.skipped(tmp_path) == {"skipped": 1}
    assert record["skipped"] == {"images": 1, "which": ["cam3/9/0001.png"]} and record["rejected"] == 2
    assert record["made_from"]["cam3/5/0001.png"] == ["second.png"]
    assert record["made_from"]["cam3/6/0001.png"] == ["first.png"]
    assert written(tmp_path, bad).equals(table)  # a later run leaves out the same
    written(tmp_path, lambda item: False)
    assert galleries.skipped(tmp_path) == {}


@pytest.mark.parametrize(("bad", "count"), [(4, 300), (2, 100), (1, 1)])
def test_a_generator_whose_pictures_fail_too_often_is_stopped(tmp_path, bad, count):
    with pytest.raises(galleries.SamplingError, match="stayed constant"):
        written(tmp_path, lambda item: int(item.identity[2:]) < bad, count)


@pytest.mark.parametrize("knows_cameras", [True, False])
def test_other_starts_are_the_next_images_of_the_identity(toy_people, tmp_path, knows_cameras):
    order = plans.GalleryRequest(["toy/0000"], ["toy/3"], 3, 0, tmp_path, toy_people)
    paths = sorted(toy_people[(toy_people["identity"] == "toy/0000") & (toy_people["camera"] == "toy/1")]["path"])
    for item in plans.plan(order, knows_cameras=knows_cameras):
        start = paths.index(item.source_images[0])
        assert [paths.index(other) for (other,) in item.starts] == [(start + k) % 6 for k in (1, 2, 3)]
        assert [item.at(k).seeds[0] for k in range(4)] == list(item.seeds)
    assert all(item.starts == () for item in plans.plan(replace(order, source=None)))
