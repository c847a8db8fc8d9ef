"""Protocols on small tables: who asks, who answers, and what is refused."""

import random

import pandas as pd
import pytest

from vireid_lib.evaluation import MarketProtocol, RegdbProtocol, SysuProtocol
from vireid_lib.evaluation.protocols import build_protocol


def table(*rows, split="test"):
    """Make a table from (identity, camera, modality, number of images)."""
    images = [
        (f"/{modality}/{camera}/{identity}/{k:04d}.png", f"set/{identity:04d}", f"set/{camera}", modality, split)
        for identity, camera, modality, count in rows
        for k in range(1, count + 1)
    ]
    return pd.DataFrame(images, columns=["path", "identity", "camera", "modality", "split"])


MINIATURE = table(
    *((identity, camera, "visible", 12) for identity in (5, 7) for camera in (1, 2, 4)),
    (7, 5, "visible", 3),
    *((identity, camera, "infrared", 2) for identity in (5, 7, 9) for camera in (3, 6)),
)


def test_sysu_indoor_multi_shot():
    (trial,) = SysuProtocol("indoor", shots=10, trial_count=1).trials(MINIATURE)
    assert len(trial.query) == 12 and set(trial.gallery["camera"]) == {"set/1", "set/2"}
    assert trial.gallery.groupby(["identity", "camera"]).size().tolist() == [10] * 4
    assert trial.gallery["path"].is_unique


SEVERAL = table(
    *((identity, camera, "visible", 5) for identity in (4, 11, 2, 30, 7, 9, 1) for camera in (1, 2, 4, 5)),
    *((identity, camera, "infrared", 3) for identity in (9, 2, 30, 4, 1, 12, 7, 11) for camera in (3, 6)),
)
PARTS = ([1, 2, 4], [7, 9, 11], [12, 30])  # eight identities (the twelfth is never asked for) in three parts


def test_each_part_of_the_identities_is_ranked_as_a_test_of_its_own():
    found = iter(SysuProtocol(galleries=3, trial_count=2).trials(SEVERAL.sample(frac=1, random_state=1)))
    for part, identities in enumerate(PARTS):
        for k in range(2):
            generator, query, gallery, trial = random.Random(k), [], [], next(found)
            for each in identities:
                query += [f"/infrared/{c}/{each}/{n:04d}.png" for c in (3, 6) for n in (1, 2, 3)]
                if each != 12:
                    cells = [[f"/visible/{c}/{each}/{n:04d}.png" for n in range(1, 6)] for c in (1, 2, 4, 5)]
                    gallery += [generator.choice(images) for images in cells]
            assert trial.query["path"].tolist() == query and trial.gallery["path"].tolist() == gallery
            assert (trial.name, trial.part) == (f"people {part + 1} of 3, gallery {k}", part)
    assert next(found, None) is None


def test_one_gallery_is_the_literatures():
    first, *rest = SysuProtocol().trials(SEVERAL)
    assert first.name == "gallery 0" and not any(trial.part for trial in (first, *rest)) and len(rest) == 9
    assert first.query["identity"].nunique() == 8 and first.gallery["identity"].nunique() == 7
    with pytest.raises(ValueError, match="holds 8 identities.*two or more; set galleries to 4 or less"):
        SysuProtocol(galleries=5).trials(SEVERAL)


@pytest.mark.parametrize("direction, asking", [("visible-to-infrared", "visible"), ("infrared-to-visible", "infrared")])
def test_regdb(direction, asking):
    rows = table(*((k, c, m, 2) for k in (1, 2) for c, m in ((1, "visible"), (2, "infrared"))))
    (trial,) = RegdbProtocol(direction, trial=4).trials(rows)
    assert trial.name == "split 4" and len(trial.query) == len(trial.gallery) == 4
    assert set(trial.query["modality"]) == {asking} and set(trial.gallery["modality"]) != {asking}


def test_market():
    query, gallery = [(1, 1, "visible", 1)], [(0, 2, "visible", 2), (1, 2, "visible", 1)]
    parts = {"query": query, "gallery": gallery, "train": [(8, 2, "visible", 5)]}
    rows = pd.concat([table(*each, split=split) for split, each in parts.items()], ignore_index=True)
    (trial,) = MarketProtocol().trials(rows)
    assert len(trial.query) == 1 and trial.gallery["identity"].tolist() == ["set/0000", "set/0000", "set/0001"]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SysuProtocol("outdoor"), "mode is 'outdoor'; it must be one of 'all', 'indoor'"),
        (lambda: SysuProtocol(draw="official"), "needs permutation_file"),
        (lambda: SysuProtocol(permutation_file="x.mat"), "no other draw takes one"),
        (lambda: SysuProtocol(galleries=0), "galleries is 0"),
        (lambda: SysuProtocol(draw="official", permutation_file="x.mat", galleries=4), "one gallery, not 4"),
        (lambda: build_protocol("sysu"), "rule is 'sysu'"),
        (lambda: build_protocol("llcm", "infrared"), "direction is 'infrared'"),
    ],
)
def test_refused_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


MIXED = pd.concat([MINIATURE, table((1, 3, "infrared", 2), split="train")], ignore_index=True)


@pytest.mark.parametrize(
    "rows, message",
    [
        (table((1, 1, "visible", 2)), "no query image; it holds visible camera set/1"),
        (table((1, 3, "infrared", 2)), "no gallery image"),
        (table(), "no query image; it holds no image at all"),
        (MIXED, "splits test, train; hand in one"),
    ],
)
def test_refused_tables(rows, message):
    with pytest.raises(ValueError, match=message):
        SysuProtocol().trials(rows)
