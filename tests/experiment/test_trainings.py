"""Trainings: what is said of them, as many steps whatever is added, several fits of a generator."""

import pandas as pd
import pytest

from vireid_lib.experiment import results, trainings
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed, fit_of
from vireid_lib.experiment.studies import dive
from vireid_lib.experiment.study import Row, Study, run_of
from vireid_lib.experiment.study_measures import measure, overview
from vireid_lib.reid.methods.agw import Agw, AgwConfig
from vireid_lib.reid.methods.deen import DeenConfig
from vireid_lib.reid.methods.den import DenConfig
from vireid_lib.reid.train import steps_per_epoch

REMEDY = "reid.length"  # it is named where trainings differ


def test_unequal_effort_is_said_also_where_means_agree():
    """The same seed must have had the same."""
    pairs = [(name, seed) for name in ("real", "dive") for seed in (0, 1)]
    told = pd.DataFrame(pairs, columns=["training", "seed"]).assign(**{"images in a batch": 64, "images seen": 6400})
    crossed, alike = (told.assign(steps=steps) for steps in ([100, 200, 200, 100], [100, 200, 100, 200]))
    assert REMEDY in trainings.same_effort(crossed)
    words = trainings.same_effort(alike)
    assert REMEDY not in words and "100" in words and "200" in words and "seed" in words


def test_the_recipe_lists_what_is_not_the_papers():
    table = trainings.recipe(AgwConfig.small(steps=50), "sysu_mm01")
    assert table.loc["steps"].tolist() == ["None", "ours", "50"]
    assert table.loc["optimizer"].tolist() == ["sgd", "release", "adamw"]
    assert "triplet" not in table.index
    assert trainings.recipe(AgwConfig(), "sysu_mm01").empty
    assert {"triplet", "drops"} <= set(trainings.recipe(AgwConfig(), "sysu_mm01", unprinted=True).index)


def test_what_was_tuned_on_the_miniature_world_is_not_passed_off_as_published():
    table = trainings.recipe(DenConfig(), "sysu_mm01", unprinted=True)
    chosen = table.index[table["comes from"] == "miniature world"]
    margins = {f"{pair}{part}_margin" for pair in ("", "hue_grey_") for part in ("positive", "negative")}
    assert set(chosen) == {"ird_weight", *margins}
    assert set(table.index[table["comes from"] == "ours"]) == {"erasing", "identity_weight", "triplet_weight"}
    assert table.loc["drops"].tolist() == ["(20, 50)", "release", "(20, 50)"]
    assert not {"triplet", "colour_copies", "pe", "method"} & set(table.index), "the paper says these"
    short = trainings.recipe(DenConfig(), "sysu_mm01")
    assert set(chosen) <= set(short.index) and "release" not in set(short["comes from"])
    deen = trainings.recipe(DeenConfig(), "sysu_mm01", unprinted=True)
    assert {"margin", "erasing_area"} <= set(deen.index) and not {"cpm_weight", "drops", "height"} & set(deen.index)


EPOCHS = 3  # of `open_real`


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
    assert REMEDY not in trainings.same_effort(told) and f"{EPOCHS * alone}" in trainings.same_effort(told)
    others = set(results.scores(equal, others=True)["training"])
    assert others == {"real", "grayscale"}, "without DiVE's second external set"
    unequal = trainings.given(records[2:])
    assert trainings.effort(unequal)["images seen"].tolist() == [8 * EPOCHS * alone, 8 * EPOCHS * more]
    assert REMEDY in trainings.same_effort(unequal) and "batch" not in trainings.same_effort(unequal)


def test_each_split_has_the_steps_of_its_own_real_images(open_real):
    run = open_real("regdb")
    expected = [EPOCHS * own_steps(run, "real", split) for split in (1, 2)]
    assert expected[0] < expected[1]
    for name in ("real", "grayscale"):
        record = run.evaluate(name, 0)
        assert [int(trainings.history(record, split)["step"].iloc[-1]) for split in (1, 2)] == expected
        assert trainings.given([record])["steps"].tolist() == expected
    sentence = trainings.same_effort(trainings.given([run.evaluate(name, 0) for name in ("real", "grayscale")]))
    assert REMEDY not in sentence and all(str(steps) in sentence for steps in expected)


@pytest.mark.parametrize("length", ["equal", "published"])
def test_fairness_rows_scale_the_schedule_and_keep_the_steps(open_real, tiny_book, length):
    run, study = open_real(length=length), dive.study(tiny_book, "grayscale")
    plain, training = run.reid_config, "grayscale"
    times = {name: study.row(f"{name}_real").times for name in ("wide", "long")}
    wide, long = (run_of(run, Row(name, name, "agw", training=training, times=own)) for name, own in times.items())
    config = long.reid_config
    assert (config.epochs, config.warm_up, config.drops) == (2 * EPOCHS, 2, (4,))
    assert wide.reid_config.images == 2 * plain.images
    records = [own.evaluate(training, 0) for own in (run, wide, long)]
    given = [trainings.given([record]).iloc[0] for record in records]
    expected = EPOCHS * own_steps(run, "real" if length == "equal" else training)
    assert [each["steps"] for each in given] == [expected, expected, 2 * expected]
    assert [each["images seen"] for each in given] == [8 * expected, 16 * expected, 16 * expected]


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
    other_seed = {"generators.dive.seed": once.generator_config("dive").seed + 1}
    again = once.with_profile(changed(once.profile, other_seed, ""))
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
    assert "2 fits" in results.show(table).caption
    assert "fits" not in results.show(table[table["fits"] == 1]).caption
    rows = [Row("real", "real", "agw"), Row("dive", "DiVE", "agw", training="dive", changes={"expand": {"fits": 2}})]
    shown = overview(measure(once, Study("den", rows, ())), ["rank_1"])
    assert shown["fits"].to_dict() == {"real": "–", "DiVE": 2}
