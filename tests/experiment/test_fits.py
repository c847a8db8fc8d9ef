"""Several fits of a generator: which trainings use which, under which keys, and that records and tables say so."""

import pytest

from vireid_lib.experiment import results, trainings
from vireid_lib.experiment.measurements import measure, overview
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed, fit_of
from vireid_lib.experiment.study import Row, Study


@pytest.fixture(scope="module")
def runs(tiny_profile, tmp_path_factory):
    """The same workspace with one and with two fits; two seeds."""
    once = Run(changed(tiny_profile, {"reid.seeds": [0, 1]}, "test"), tmp_path_factory.mktemp("fits"))
    once.data()
    return once, once.with_profile(changed(once.profile, {"expand.fits": 2}, "test"))


def asked(stage_keys, run, training, seed, stage):
    return {key for name, key in stage_keys(run, lambda own: own.train(training, seed)) if name == stage}


def test_seeds_use_the_fits_in_turn_and_fit_zero_is_the_one_of_a_single_fit(runs, stage_keys):
    once, twice = runs
    for stage in ("fit_dive", "gallery_dive"):
        single = asked(stage_keys, once, "dive", 1, stage)
        assert len(single) == 1 and single == asked(stage_keys, once, "dive", 0, stage)
        assert [asked(stage_keys, twice, "dive", seed, stage) == single for seed in range(4)] == [True, False] * 2
        assert asked(stage_keys, twice, "dive", 1, stage) == asked(stage_keys, twice, "dive", 3, stage)
    again = once.with_profile(
        changed(once.profile, {"generators.dive.seed": once.generator_config("dive").seed + 1}, "")
    )
    assert asked(stage_keys, twice, "dive", 1, "fit_dive") == asked(stage_keys, again, "dive", 0, "fit_dive")
    image = asked(stage_keys, twice, "dive_from_image", 1, "fit_dive")
    assert image == asked(stage_keys, twice, "dive", 1, "fit_dive"), "a variant's fit is shared"


def test_what_learns_nothing_is_there_once(runs, stage_keys):
    once, twice = runs
    for name in ("real", "grayscale", "oracle_ir"):
        assert fit_of(twice.profile, name, 1) is None and twice.with_fit(name, 1) is twice
    assert [fit_of(twice.profile, name, 3) for name in ("dive", "dive_from_image", "flow2flow.tse")] == [1, 1, 1]


def test_records_and_tables_say_how_many_fits_there_are(runs):
    once, twice = runs
    wanted = [(run, name, seed) for run in runs for name in ("real", "dive") for seed in (0, 1)]
    records = trainings.evaluate_all(wanted)
    trained = [record.values["trainings"]["1"]["stage"] for record in records]
    assert trained[:3] == trained[4:7] and trained[3] != trained[7], "seed 1 learned from the other fit's pictures"
    scores = results.score_table(records)
    assert scores["fits"].tolist() == [1, 1, 1, 1, 1, 1, 2, 2]
    assert [each.result["config"].get("fit") for each in records] == [None] * 6 + [0, 1]
    table = results.over_seeds(scores.drop_duplicates(["key"]))
    assert table.loc[table["training"] == "dive", ["fits", "seeds"]].to_numpy().tolist() == [[1, 2], [2, 2]]
    assert (
        "share 2 fits" in results.show(table).caption and "fits" not in results.show(table[table["fits"] == 1]).caption
    )
    rows = [Row("real", "real", "agw"), Row("dive", "DiVE", "agw", training="dive", changes={"expand": {"fits": 2}})]
    shown = overview(measure(once, Study("den", rows, ())), ["rank_1"])
    assert shown["fits"].to_dict() == {"real": "–", "DiVE": 2}
