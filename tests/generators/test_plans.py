"""What pictures are made from: every photograph of a person once before any comes twice."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from vireid_lib.generators.base.plans import GalleryRequest, plan

PHOTOGRAPHS, EACH = 21, 18  # of the papers' people about, and for each of
CAMERAS = ["llcm/1", "llcm/2", "llcm/3 visible"]
MODALITIES = {"llcm/1": "infrared", "llcm/2": "infrared", "llcm/3 visible": "visible"}


@pytest.fixture
def source():
    rows = [
        {"path": f"/{modality}/{number}.png", "identity": "x/1", "modality": modality, "split": "external"}
        for modality in ("visible", "infrared")
        for number in range(PHOTOGRAPHS)
    ]
    return pd.DataFrame(rows)


def planned(source, each, cameras=CAMERAS, **how):
    return plan(GalleryRequest(["x/1"], cameras, each, 0, Path("/g"), source), MODALITIES, **how)


def starts(planned, *cameras):
    """The starts of the pictures under some cameras, in order."""
    return [item.source_images for item in planned if (item.camera, item.modality) in cameras]


ONE, TWO, BACK = ("llcm/1", "infrared"), ("llcm/2", "infrared"), ("llcm/3", "visible")


def test_who_knows_no_cameras_repeats_nothing_until_all_photographs_are_used_up(source):
    made = planned(source, EACH, knows_cameras=False)
    drawn = starts(made, ONE, TWO)
    assert len(set(drawn[:PHOTOGRAPHS])) == PHOTOGRAPHS
    again = 2 * EACH - PHOTOGRAPHS
    assert len(set(drawn[PHOTOGRAPHS:])) == again and drawn[PHOTOGRAPHS:] != drawn[:again]
    assert len(set(starts(made, BACK))) == EACH
    alone = planned(source, EACH, CAMERAS[:2], knows_cameras=False)
    assert starts(alone, ONE, TWO) == drawn  # neither other people nor cameras of the other modality matter


def test_who_knows_cameras_uses_up_the_photographs_for_each(source):
    made = planned(source, 2 * PHOTOGRAPHS)
    for camera in (ONE, TWO, BACK):
        first, second = starts(made, camera)[:PHOTOGRAPHS], starts(made, camera)[PHOTOGRAPHS:]
        assert len(set(first)) == len(set(second)) == PHOTOGRAPHS and first != second
    assert starts(made, ONE) != starts(made, TWO)
    alone = planned(source, 2 * PHOTOGRAPHS, CAMERAS[1:2])
    assert starts(alone, TWO) == starts(made, TWO)


def test_each_pair_once_before_any_twice(source):
    few = source[source["path"].str.contains("[0-6].png") & (source["path"].str.len() < len("/visible/10.png"))]
    few = few[few["modality"] == "visible"]  # of seven photographs there are 21 pairs
    drawn = starts(planned(few, EACH, pairs=True), ONE, TWO)
    counts = Counter(map(frozenset, drawn))
    assert len(counts) == 21 and set(counts.values()) == {1, 2}
    assert len(set(map(frozenset, drawn[:21]))) == 21
    assert len(set(map(frozenset, drawn[21:]))) == 2 * EACH - 21
