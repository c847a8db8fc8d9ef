"""The trial viewer takes away exactly what the evaluation does, and says why."""

import numpy as np
import pytest
import torch

from vireid_lib.evaluation import Trial
from vireid_lib.evaluation.rules import RULES, camera_numbers
from vireid_lib.viz.explorers import trials, view_trials


@pytest.fixture
def trial(table):
    asks = table["modality"] == "infrared"
    return Trial(table[asks], table[~asks], "one")


def query_of(trial, camera):
    return trial.query.index[trial.query["camera"] == f"set/{camera}"][0]


def test_camera_2_is_not_asked_from_camera_3(trial):
    near, far = (trials.fates(trial, "sysu-mm01", query_of(trial, camera)) for camera in (3, 6))
    assert set(near.loc[near["camera"] == "set/2", "removed"]) == {"not asked from camera 3"}
    assert set(near.loc[near["camera"] == "set/1", "removed"]) == {""} and set(far["removed"]) == {""}
    assert near["right"].sum() == 4


def test_the_same_camera_is_removed_for_the_same_person_only(table):
    trial = Trial(table[table["camera"] == "set/1"], table, "one")
    found = trials.fates(trial, "llcm", query_of(trial, 1))
    same = (found["camera"] == "set/1") & found["right"]
    assert same.sum() == 2 and (found["removed"] != "").equals(same)


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_is_told_in_parts_without_a_rest(trial, rule):
    names = np.unique(trial.gallery["identity"], return_inverse=True)
    gallery = torch.from_numpy(names[1])
    cameras = torch.from_numpy(camera_numbers(trial.gallery["camera"].to_numpy(), "cameras", len(trial.gallery)))
    for query in trial.query.index:
        label = torch.tensor(names[0].tolist().index(trial.query.at[query, "identity"]))
        number = torch.tensor(int(trial.query.at[query, "camera"][-1]))
        expected = RULES[rule].removed(label, number, gallery, cameras).numpy()
        assert ((trials.fates(trial, rule, query)["removed"] != "").to_numpy() == expected).all()


def test_counts_by_camera(trial):
    lost = trials.removed_by_camera(trial, "sysu-mm01")
    assert lost.index.tolist() == ["3", "6"] and lost.columns.tolist() == ["1", "2"]
    assert lost.to_numpy().tolist() == [[0, 10], [0, 0]]


def test_the_figure_counts_the_whole_gallery(trial, shown):
    picture = trials.sheet(trial, "sysu-mm01", query_of(trial, 3), number=(2, 10), people=3)
    assert picture.alt.splitlines() == [
        "Trial 2 of 10: 20 gallery images of 5 people",
        "For this query: 10 removed (not asked from camera 3)",
        "Right images left: 2",
    ]
    words = [axes.get_xlabel() for axes in picture.axes]
    assert words.count("removed") == 3 * 2 and words.count("✓ right") == 2
    view_trials([trial, trial], "sysu-mm01")
    assert "10 removed" in shown[0].alt, "the first figure shows a query that loses something"
