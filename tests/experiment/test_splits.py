"""A data set with splits, from its folder to the verdicts: a network for each split, differences paired by split."""

import itertools
import zlib

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from vireid_lib.experiment import results, studies, summary
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.studies import Claim, Row, Study

PEOPLE = range(1, 7)


def picture(path, person):
    """An image of somebody, unlike any other."""
    pixels = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 60, (64, 32, 3)) + 30 * person
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """RegDB with six people and three splits, and two external people."""
    folder = tmp_path_factory.mktemp("splits")
    for person, image in itertools.product((1, 2), range(3)):
        picture(folder / f"data/Market/bounding_box_train/{person:04d}_c1s1_{image:06d}_01.jpg", person)
    for part in ("query", "bounding_box_test"):
        picture(folder / "data/Market" / part / "0003_c1s1_000000_01.jpg", 3)
    root, names = folder / "data/RegDB", {"visible": "Visible", "thermal": "Thermal"}
    for name, person, image in itertools.product(names.values(), PEOPLE, range(3)):
        picture(root / name / str(person) / f"{name}_{person}_{image}.bmp", person)
    (root / "idx").mkdir()
    for split in (1, 2, 3):
        parts = {"train": [split, split + 1, split + 3]}
        parts["test"] = sorted(set(PEOPLE) - set(parts["train"]))
        for (part, own), (modality, name) in itertools.product(parts.items(), names.items()):
            lines = [
                f"{name}/{person}/{name}_{person}_{image}.bmp {label}"
                for label, person in enumerate(own)
                for image in range(3)
            ]
            (root / "idx" / f"{part}_{modality}_{split}.txt").write_text("\n".join(lines) + "\n")
    profile = Profile.model_validate(
        {
            "name": "splits",
            "title": "Three splits",
            "world": None,
            "data": {"target": "regdb", "external": "market1501", "roots": {"regdb": "RegDB", "market1501": "Market"}},
            "images": {"height": 64, "width": 32},
            "reid": {
                "backbone": "small",
                "seeds": [0],
                "training_sets": ["real", "copies"],
                "config": {"steps": 2, "identities": 2, "images": 2},
            },
            "expand": {"per_camera": 2, "min_images": 2},
            "device": "cpu",
            "evaluation": {"protocol": "regdb", "modes": ["visible-to-infrared", "infrared-to-visible"], "trials": 3},
        }
    )
    return Run(profile, folder / "workspace", folder / "data")


@pytest.fixture(scope="module")
def records(run):
    """A training on each training set."""
    return [run.evaluate(name, 0, progress=False) for name in ("real", "copies")]


def test_one_seed_on_several_splits_is_compared_over_splits(run, records):
    real, copies = records
    scores = results.score_table(records)
    for mode in run.profile.evaluation.modes:
        (found,) = claims.compare(scores, "mean_ap", mode=mode)
        trials = [
            [trial["mean_ap"] for trial in record.values["evaluations"][mode]["trials"]] for record in (copies, real)
        ]
        assert [len(each) for each in trials] == [3, 3]
        assert found.contrast.over == "3 splits" and found.verdict != "one seed only"
        expected = scipy.stats.ttest_rel(*trials)
        assert found.difference == pytest.approx(100 * (np.mean(trials[0]) - np.mean(trials[1])))
        assert found.contrast.p_value == pytest.approx(expected.pvalue)
        assert "over 3 splits" in found.sentence
    gains = summary.gains(run, "mean_ap")
    assert set(gains["over"]) == {"3 splits"} and gains["margin"].notna().all() and len(gains) == 2


def test_claims_are_judged_over_splits(run, records):
    rows = [Row("real", "real", "agw"), Row("copies", "copies", "agw", training="copies")]
    own = Study("den", rows, [Claim("copies help", "", each, "copies", "real") for each in ("mean_ap", "iirs_visible")])
    measured = studies.measure(run, own, training=False)
    for found in claims.judge(measured, own.claims):
        assert found.contrast.splits == 3 and found.verdict != "one seed only" and "over 3 splits" in found.words
    first = measured[measured["mode"] == "visible-to-infrared"].set_index("row")
    for _, row in first.iterrows():
        for measure in ("mean_ap", "iirs_visible"):
            assert row[measure] == pytest.approx(np.mean(list(row["splits"][measure].values())))
        assert len(set(row["splits"]["iirs_visible"].values())) == 3, "each split has a network and people of its own"
