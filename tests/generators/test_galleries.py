"""A gallery that was interrupted becomes the gallery of an unbroken run."""

import numpy as np
import pytest

from vireid_lib.generators import galleries
from vireid_lib.generators.plans import SampleRequest


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
        table = galleries.write(
            planned(tmp_path / name),
            rounded_by_batch(made),
            tmp_path / name,
            source="dive",
            settings={"seed": 0},
            batch=3,
            progress=False,
        )
        return table, made

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
