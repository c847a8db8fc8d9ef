"""DiVE's study: its rows follow the method, the generators and the numbers of people that are asked for."""

import re
from types import SimpleNamespace

import pytest

from vireid_lib import generators
from vireid_lib.experiment import datasets, studies
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import reid_config
from vireid_lib.experiment.studies import Row, Study, dive
from vireid_lib.experiment.study import run_of, trainable

OF_ONE_METHOD = (1, 3, 4)
"""Tables for which the study chooses the method."""

FIGURE_5 = re.compile(r"(dive|oracle_ir)_\d+")
"""Names of figure 5's rows."""

every_method = pytest.mark.parametrize("method", ["agw", "deen", "caj"])


@pytest.fixture
def counting_book(tiny_run):
    """The tiny book, whose three expanded people are fewer than some counts of figure 5 and more than others."""
    return tiny_run({"expand.identities": 2, "expand.counts": [3, 1]})


@pytest.fixture
def study(tiny_book):
    return dive.study(tiny_book, ["grayscale", "cyclegan"])


def real(run: Run) -> Run:
    """The book, were its world photographed: what the study's choices depend on."""
    own = Run(run.profile, run.folder)
    own.profile = run.profile.model_copy(update={"world": None})
    own.tables = {datasets.table_key(own): run.data()}
    own.with_method = lambda method: Run(run.profile, run.folder).with_method(method)
    return own


def test_the_papers_method_on_real_data_and_a_cheaper_one_in_the_miniature_world(tiny_book):
    assert dive.study(tiny_book, ["grayscale"]).method == dive.MINIATURE == "agw"
    found = dive.study(real(tiny_book), ["grayscale"])
    assert found.method == dive.THE_PAPERS == "deen"
    assert dive.study(real(tiny_book), ["grayscale"], "agw").method == "agw"
    assert {printed.method for number in OF_ONE_METHOD for printed in found.table(number).rows} == {dive.THE_PAPERS}
    with pytest.raises(ValueError, match="no method 'agv'"):
        dive.study(tiny_book, ["grayscale"], "agv")
    alone = tiny_book.profile.model_copy(update={"data": tiny_book.profile.data.model_copy(update={"external": None})})
    with pytest.raises(ValueError, match="names no data.external"):
        dive.study(Run(alone, tiny_book.folder))


@every_method
def test_rows_labels_and_claims_follow_the_method(counting_book, method):
    study = dive.study(counting_book, ["grayscale", "cyclegan"], method)
    chosen = [row for row in study.rows if row.name.split("_")[0] not in dive.METHODS]
    assert chosen and {row.method for row in chosen} == {method}
    assert study.row("campus").label.startswith(dive.METHODS[method])
    assert [row.name for row in study.rows][:2] == [f"{method}_real", f"{method}_cyclegan"]
    baselines = {f"{other}_real" for other in dive.METHODS if other != method}
    about = [claim for claim in study.claims if not claim.place.startswith("Table 2")]
    assert not [claim for claim in about if set(claim.rows) & baselines], "a claim on another method's baseline"


def test_figure_5_has_the_profiles_counts_and_a_claim_on_the_decline(counting_book):
    study = dive.study(counting_book, ["grayscale"])
    rows = {row.name: row for row in study.rows if FIGURE_5.fullmatch(row.name)}
    assert list(rows) == ["dive_1", "oracle_ir_1", "oracle_ir_3"], (
        "beyond the expanded people the miniature world has the truth"
    )
    assert run_of(counting_book, rows["dive_1"]).profile.reid.expanded == 1
    assert run_of(counting_book, rows["oracle_ir_3"]).data().external["identity"].nunique() == 3
    claims = [claim for claim in study.claims if claim.place == "Fig. 5"]
    assert [claim.rows for claim in claims] == [("dive_1", "agw_real"), ("agw_dive", "dive_1")]

    study = dive.study(real(counting_book), ["grayscale"])
    names = [row.name for row in study.rows if FIGURE_5.fullmatch(row.name)]
    assert names == ["dive_1", "oracle_ir_1", "dive_3"]
    claim = [claim for claim in study.claims if claim.place == "Fig. 5"][-1]
    assert (claim.row, claim.other, claim.direction) == ("dive_3", "deen_dive", "smaller")
    for name in ("sysu", "llcm"):
        counts = load_profile(name).expand.counts
        assert min(counts) < 1011 < max(counts)


def test_table_1_has_every_generator_that_makes_galleries(tiny_book):
    expected = {name for name in generators.names() if "expand" in generators.build(name).capabilities}
    table = {row.training for row in dive.study(tiny_book).rows if row.name.startswith("agw_")}
    assert table == expected | {"real", "resampled_ir", "oracle_ir"}
    few = {row.training for row in dive.study(tiny_book, ["grayscale"]).rows if row.name.startswith("agw_")}
    assert few == {"real", "grayscale", "dive", "resampled_ir", "oracle_ir"}
    names = {row.name for row in dive.study(tiny_book, ["grayscale", "cyclegan"]).rows}
    assert "cyclegan_both" in names and "grayscale_both" not in names
    with pytest.raises(ValueError, match="no generator 'nobody'"):
        dive.study(tiny_book, ["nobody"])


def test_a_rows_settings_reach_the_profile(tiny_book, study):
    plain = tiny_book.reid_config
    wide, long = (run_of(tiny_book, study.row(name)).profile for name in ("wide_dive", "long_real"))
    assert reid_config(wide).images == 2 * plain.images and reid_config(wide).steps == plain.steps
    assert reid_config(long).steps == 2 * plain.steps and reid_config(long).images == plain.images
    single = run_of(tiny_book, study.row("infrared_single")).generator_config("dive")
    assert (single.views, single.train_modalities, single.steps) == ("single", "infrared", 4)


def test_the_single_view_has_two_readings(tiny_book, study):
    for part, modalities in (("infrared", "infrared"), ("both", "both")):
        for reading in ("single", "one_camera"):
            config = run_of(tiny_book, study.row(f"{part}_{reading}")).generator_config("dive")
            assert (config.views, config.train_modalities) == (reading, modalities)
    compared = {claim.rows for claim in study.claims if claim.place == "Table 3"}
    assert {("agw_dive", "both_single"), ("agw_dive", "both_one_camera")} < compared and len(compared) == 6


def test_diffusion_models_are_held_against_gans(tiny_book):
    study = dive.study(tiny_book, dive.PRINTED, "agw")
    claims = [claim for claim in study.claims if claim.words.startswith("Diffusion models are better")]
    pairs = {(f"agw_{one}", f"agw_{other}") for one in dive.DIFFUSION for other in dive.GANS}
    assert {claim.rows for claim in claims} == pairs and {claim.direction for claim in claims} == {"larger"}
    assert {claim.measure for claim in claims} == {"rank_1", "mean_ap"} and len(claims) == 8
    printed = {row.training: row.values[0] for row in study.table(1).rows}
    assert all(printed[one] > printed[other] for one in dive.DIFFUSION for other in dive.GANS)
    few = dive.study(tiny_book, ["cyclegan", "vi_diff"], "agw").claims
    assert {claim.rows for claim in few if claim.words.startswith("Diffusion")} == {("agw_vi_diff", "agw_cyclegan")}


def test_fewer_people_are_trained_on_and_the_same_are_generated(tiny_book):
    few = run_of(tiny_book, Row("few", "few", "agw", training="dive", changes={"reid": {"expanded": 2}}))
    table, all_of_them = (each.training_set("dive") for each in (few, tiny_book))
    added = table[table["split"] == "external"]
    assert added["identity"].nunique() == 2 and set(added["modality"]) == {"visible", "infrared"}
    assert set(added["path"]) < set(all_of_them["path"])
    assert len(few.training_set("real")) == len(tiny_book.training_set("real"))


def test_another_external_set_in_the_miniature_world(tiny_book):
    row = Row(
        "campus", "campus", "agw", training="grayscale", external="cuhk03_np", changes={"expand": {"min_images": 2}}
    )
    own = run_of(tiny_book, row)
    external = own.data().external
    assert {name.split("/")[0] for name in external["identity"]} == {"mini_campus"}
    with pytest.raises(ValueError, match="Nobody knows 3 external identities in infrared"):
        own.data().oracle()
    measured = studies.measure(own, Study("dive", [row], ()))
    assert measured["row"].tolist() == ["campus"]
    assert own.evaluate("grayscale", 0).result["config"]["external"] == "mini_campus"


def test_rows_of_the_miniature_world_alone_are_left_out_elsewhere(tiny_book):
    rows = [Row("base", "Base", "agw"), Row("truth", "Truth", "agw", training="oracle_ir")]
    assert trainable(tiny_book, rows) == rows
    assert trainable(SimpleNamespace(miniature=False), rows) == rows[:1]
