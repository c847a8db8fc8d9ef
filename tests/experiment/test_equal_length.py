"""Trainings on trees laid out as the real data sets: as many steps whatever is added, fairness rows, splits."""

import pytest

from vireid_lib.experiment import results, trainings
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies import Row, dive
from vireid_lib.experiment.study import run_of
from vireid_lib.reid.methods.agw import Agw
from vireid_lib.reid.train import steps_per_epoch

EPOCHS = 3  # of `open_real`


@pytest.fixture
def study(tiny_book):
    return dive.study(tiny_book, ["grayscale"])


def own_steps(run: Run, training: str, split: int = 1, **batch) -> int:
    config = run.reid_config.model_copy(update=batch)
    return steps_per_epoch(Agw, run.training_set(training, split), config, seed=0)


def test_equal_trainings_are_equal_and_published_ones_grow(open_real):
    equal, published = open_real(), open_real(length="published")
    records = [run.evaluate(name, 0) for run in (equal, published) for name in ("real", "grayscale")]
    assert records[0].key == records[2].key and records[1].key != records[3].key
    alone, more = (own_steps(equal, name) for name in ("real", "grayscale"))
    steps = [int(trainings.history(record)["step"].iloc[-1]) for record in records]
    assert steps == [EPOCHS * alone, EPOCHS * alone, EPOCHS * alone, EPOCHS * more] and more > alone
    told = trainings.given(records[:2])
    assert trainings.effort(told)["steps"].tolist() == [EPOCHS * alone] * 2
    assert trainings.effort(told)["images seen"].tolist() == [8 * EPOCHS * alone] * 2
    assert trainings.same_effort(told).startswith("Every training had")
    assert set(results.scores(equal, others=True)["training"]) == {"real", "grayscale"}, (
        "without DiVE's second external set"
    )
    unequal = trainings.given(records[2:])
    assert trainings.effort(unequal)["images seen"].tolist() == [8 * EPOCHS * alone, 8 * EPOCHS * more]
    assert "differ in steps" in trainings.same_effort(unequal) and "reid.length" in trainings.same_effort(unequal)


def test_each_split_has_the_steps_of_its_own_real_images(open_real):
    run = open_real("regdb")
    expected = [EPOCHS * own_steps(run, "real", split) for split in (1, 2)]
    assert expected[0] < expected[1]
    for name in ("real", "grayscale"):
        record = run.evaluate(name, 0)
        assert [int(trainings.history(record, split)["step"].iloc[-1]) for split in (1, 2)] == expected
        assert trainings.given([record])["steps"].tolist() == expected
    sentence = trainings.same_effort(trainings.given([run.evaluate(name, 0) for name in ("real", "grayscale")]))
    assert f"{expected[0]} to {expected[1]} steps" in sentence and "the same for one seed and split" in sentence


@pytest.mark.parametrize("length", ["equal", "published"])
def test_fairness_rows_scale_the_schedule_and_keep_the_steps(open_real, study, length):
    run = open_real(length=length)
    plain = run.reid_config
    training = "grayscale"
    wide, long = (
        run_of(run, Row(name, name, "agw", training=training, times=study.row(f"{name}_real").times))
        for name in ("wide", "long")
    )
    config = long.reid_config
    assert (config.epochs, config.warm_up, config.drops) == (2 * EPOCHS, 2, (4,))
    assert wide.reid_config.images == 2 * plain.images
    records = [own.evaluate(training, 0) for own in (run, wide, long)]
    given = [trainings.given([record]).iloc[0] for record in records]
    expected = EPOCHS * own_steps(run, "real" if length == "equal" else training)
    assert [each["steps"] for each in given] == [expected, expected, 2 * expected]
    assert [each["images seen"] for each in given] == [8 * expected, 16 * expected, 16 * expected]
