"""Trainings of an open book: galleries of some of the identities, and what is there already."""

import pytest

from vireid_lib.experiment import results
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed


def test_too_few_identities_for_the_galleries_are_refused_before_training_and_validation_has_one(
    tiny_profile, tmp_path
):
    run = Run(changed(tiny_profile, {"evaluation.galleries": 2}, "test"), tmp_path)
    with pytest.raises(ValueError, match="holds 3 identities, and a part needs two or more; set galleries to 1"):
        run.evaluate("real", 0)
    assert not list(run.cache.stages.glob("train*"))
    own = run.with_profile(changed(run.profile, {"evaluation.identities": "validation"}, "test"))
    found = own.evaluate("real", 0).values["evaluations"]["all"]
    assert found["protocol"]["galleries"] == 1
    assert [(trial["name"], trial["part"]) for trial in found["trials"]] == [("gallery 0", 0), ("gallery 1", 0)]
    assert "2 trials of each of 2 galleries" in run.summary()["protocol"]


def test_several_galleries_reach_the_record_and_its_row(tiny_profile, tmp_path):
    more = changed(tiny_profile, {"world.size.test_ids": 5, "evaluation.galleries": 2}, "test")
    record = Run(more, tmp_path).evaluate("real", 0)
    found = record.values["evaluations"]["all"]
    assert [trial["part"] for trial in found["trials"]] == [0, 0, 1, 1]
    assert [trial["queries"] for trial in found["trials"]] == [12, 12, 8, 8]  # three and two people, 2 x 2 images
    assert found["mean"]["rank_1"] == pytest.approx(sum(trial["rank_1"] for trial in found["trials"]) / 4)
    row = results.score_table([record]).iloc[0]
    assert row["trials"] == 4 and row["settings"]["galleries"] == 2 and "in 2 galleries" in row["protocol"]
