"""The verbs of an open book: galleries, joint methods, several parts of the test, and results by settings alone."""

import os
import shutil

import pytest
from PIL import Image

from vireid_lib.experiment import results
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed
from vireid_lib.experiment.study import Row, load_study, run_of
from vireid_lib.generators.aligngan.networks import AlignedNetwork


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


@pytest.mark.parametrize("name", ["dive", "cyclegan"])
def test_a_gallery_is_made_of_each_external_person_under_each_infrared_camera(tiny_book, name):
    table = tiny_book.synthesize(name)
    assert len(table) == 3 * 2 * 2 and set(table["camera"]) == {"mini_vi/3", "mini_vi/6"}
    assert (table["split"] == "external").all() and (table["modality"] == "infrared").all()
    with Image.open(table["path"].iloc[0]) as image:
        assert image.size == (32, 64)
    whole = tiny_book.training_set(name)
    assert set(whole.loc[whole["source"] != "real", "path"]) == set(table["path"])
    values = tiny_book.gallery(name).values
    assert values["images"] == values["distinct"] == 12  # each person has four photographs, or six pairs


def test_a_page_says_how_many_of_the_pictures_differ(tiny_run):
    own = tiny_run({"expand.per_camera": 3})
    sizes = own.gallery("cyclegan").values
    assert (sizes["images"], sizes["distinct"]) == (3 * 2 * 3, 3 * 4)
    sizes = own.gallery("oracle_ir").values
    assert sizes["images"] == sizes["distinct"] > 0


def test_a_variant_shares_its_generators_fit_and_makes_pictures_of_its_own(tiny_book):
    assert tiny_book.fit("dive_from_image").key == tiny_book.fit("dive").key
    one, other = (tiny_book.synthesize(name) for name in ("dive", "dive_from_image"))
    assert not set(one["path"]) & set(other["path"]) and len(one) == len(other)
    assert tiny_book.generator("dive_from_image").config.start == "image"


STUDY = load_study("jsia")


@pytest.fixture(scope="module")
def aligngan(tiny_book):
    return run_of(tiny_book, Row("aligngan", "AlignGAN", "aligngan", {"steps": 4}))


def test_aligngan_is_trained_and_ranked(aligngan):
    record = aligngan.evaluate("real", 0)
    assert set(record.values["evaluations"]) == set(aligngan.profile.evaluation.modes)
    network, config = aligngan.network("real", 0)
    assert isinstance(network, AlignedNetwork) and config == aligngan.reid_config and config.steps == 4
    features, rows = aligngan.features("real", 0)
    assert len(features) == len(rows) == len(aligngan.data().test())
    trained = record.values["trainings"]["1"]
    assert trained["steps"] == 4 and trained["images_seen"] > 0


def test_each_seed_has_a_fit_of_its_own_with_the_methods_settings(aligngan):
    starts = [aligngan.starting_point("real", seed) for seed in (0, 1)]
    assert starts[0].key != starts[1].key
    assert aligngan.train("real", 0).result["inputs"]["start"] == f"stage:fit_aligngan:{starts[0].key}"
    fitted = starts[0].result["config"]
    assert (fitted["steps"], fitted["feature_identities"], fitted["feature_images"]) == (4, 2, 2)
    assert (fitted["generator_width"], fitted["identities"], fitted["images"]) == (2, 2, 1)


def test_rows_of_a_seed_share_their_pretraining(tiny_book):
    none, whole = (run_of(tiny_book, STUDY.row(name)) for name in ("none", "jsia"))
    starts = [run.train("real", 0).result["inputs"]["start"] for run in (none, whole)]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{whole.starting_point('real', 0).key}"
    network, config = whole.network("real", 0)
    assert config.method == "jsia" and not network.training


@pytest.fixture(scope="module")
def trained(tiny_profile, tmp_path_factory):
    """A book of its own with two training sets, then the same with other settings: the later one must not count."""
    profile = changed(tiny_profile, {"reid.training_sets": ["real", "grayscale"]}, "test")
    run = Run(profile, tmp_path_factory.mktemp("trained") / "workspace")
    longer = run.with_method("agw", {"steps": 3})
    for each in (run, longer, run.with_method("caj", {"steps": 2})):
        for name in each.profile.reid.training_sets:
            each.evaluate(name, 0)
    return run, longer


def test_results_are_those_of_the_settings_asked_for(trained):
    run, longer = trained
    ours, theirs = (results.scores(each) for each in trained)
    assert ours["training"].tolist() == theirs["training"].tolist() == ["real", "grayscale"]
    assert not set(ours["key"]) & set(theirs["key"])
    steps = [[own["reid.config.steps"] for own in table["resolved"]] for table in (ours, theirs)]
    assert steps == [[2, 2], [3, 3]]


def test_a_copied_workspace_with_other_time_stamps_gives_the_same_tables_and_reading_writes_nothing(trained, tmp_path):
    run, _ = trained
    copy = tmp_path / "elsewhere"
    shutil.copytree(run.cache.folder, copy)
    for place, path in enumerate(sorted(copy.rglob("*"))):
        os.utime(path, (place * 7919 % 100_000, place * 104_729 % 100_000))
    before = {path: path.stat().st_mtime_ns for path in sorted((copy / "stages").rglob("*"))}
    moved = Run(run.profile, copy)
    for others in (False, True):
        assert results.scores(moved, others=others).equals(results.scores(run, others=others))
    tables = [results.main_table(results.scores(each), run.profile) for each in (run, moved)]
    assert len(tables[0]) == 2 and tables[0].equals(tables[1])
    assert {path: path.stat().st_mtime_ns for path in sorted((copy / "stages").rglob("*"))} == before
