"""The papers' numbers beside ours: the column and the rows that were measured as ours, or none, and why."""

from types import SimpleNamespace

import pandas as pd
import pytest
from made_up_scores import cells

from vireid_lib.experiment.paper_table import beside_paper
from vireid_lib.experiment.papers import Conditions, unlike
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import changed
from vireid_lib.experiment.studies import Study, dive, load_study
from vireid_lib.experiment.study import profile_of

ROWS = {
    "den": {
        1: "wrt ht wrt_re ht_re",
        2: "mmd caj - den",
        3: "ht_re ne pe ird ht_hg ird_hg den_no_ci ird_hg_ci den",
        4: "wrt_grey ht_grey wrt_hue ht_hue wrt_hg ht_hg",
        5: "ht_re ne pe ird ird_hg",
        6: "ht_re caj mmd ird_hg",
    },
    "deen": {
        4: "base dee dee_cpm dee_ort dee_both mfa deen",
        5: "stage_0 stage_1 stage_2 dee_both stage_4",
        6: "two dee_both four",
        7: "nl mfa nl_dee deen",
    },
    "flow2flow": {
        4: "mpanet interpolation tse_10 tse",
        5: "mpanet cyclegan cmg both",
        6: "mpanet tse_linear tse cmg_linear cmg both_linear both",
        7: "mpanet tse_none tse_identity tse_modality tse"
        " cmg_none cmg_identity cmg_modality cmg both_none both_identity both_modality both",
        8: "mpanet tse_no_losses tse_flow tse_noise tse"
        " cmg_no_losses cmg_flow cmg_noise cmg both_no_losses both_flow both_noise both",
    },
    "jsia": {1: "jsia", 2: "jsia", 3: "none sl il sl_il sl_il_lr jsia degraded_sl degraded_lr"},
    "dive": {
        1: "agw_cyclegan - - - agw_real agw_dive",
        2: "agw_real agw_dive caj_real caj_dive dart_real dart_dive deen_real deen_dive",
        3: "agw_real infrared_single both_single infrared_one_camera both_one_camera agw_dive",
        4: "agw_real campus agw_dive",
    },
}
"""The study's row of each printed row, by table; - where it has none."""


WITHHELD = "No printed number"


@pytest.fixture(scope="module")
def study(tiny_book) -> Study:
    """DiVE's, in which AGW takes the place of the paper's method in all tables but the second."""
    return dive.study(tiny_book, "grayscale,cyclegan", "agw")


def real(name: str, **changes: object) -> Profile:
    """A real profile in which lengths are the papers'."""
    return changed(load_profile(name), {"reid.length": "published"} | changes, "test")


def shown(profile: Profile, study: Study, number: int, **options: object):
    """A table of the paper beside made-up scores of every row of the study."""
    rows = [
        {"row": row.name, "label": row.label, "seed": seed, "mode": mode, "rank_1": 50.0, "mean_ap": 40.0}
        for row in study.rows
        for seed in (0, 1)
        for mode in profile.evaluation.modes
    ]
    run = SimpleNamespace(profile=profile, miniature=profile.world is not None)
    return beside_paper(run, study, pd.DataFrame(rows), number, **options)


def printed(found) -> list[str]:
    return [each for each, _ in cells(found)["rank-1"]]


@pytest.mark.parametrize("profile", ["mini", "sysu"])
@pytest.mark.parametrize("name", ROWS)
def test_printed_rows_find_their_rows_by_settings_alone(name, profile, study):
    own = study if name == "dive" else load_study(name)
    for number, rows in ROWS[name].items():
        method = study.method if name == "dive" and number != 2 else ""
        found = [own.row_of(row, load_profile(profile), method) for row in own.table(number).rows]
        assert [row.name if row else "-" for row in found] == rows.split(), f"table {number}"


def test_what_a_profile_sets_moves_the_printed_row_on_real_data(study):
    """With `views: single` in the profile, the plain row is the paper's "RGB+IR, Single"."""
    single = real("sysu", **{"generators.dive.views": "single"})
    rows = {row.printed: study.row_of(row, single, "agw") for row in study.table(3).rows}
    assert rows["RGB+IR, Single"].name == "agw_dive" and rows["IR, Single"].name == "infrared_single"
    found = shown(single, study, 3, method="agw")
    assert "(sysu_mm01, all, AGW)" in found.caption and "DEEN" in found.caption
    assert printed(found) == ["74.70", "75.59", "76.89", "75.59", "76.89", "–"]
    assert WITHHELD in found.caption and "RGB+IR, Multi: here generators.dive.views = single" in found.caption


def test_the_column_measured_as_ours_stands_beside_ours(study):
    found = shown(real("sysu"), study, 2)
    assert printed(found)[:2] == ["47.50", "57.47"] and WITHHELD not in found.caption
    assert "(sysu_mm01, all, shots 1, draw seeded)" in found.caption
    indoor = shown(real("sysu", **{"evaluation.modes": ["indoor"]}), study, 2)
    assert printed(indoor)[:2] == ["54.17", "63.72"] and "(sysu_mm01, indoor)" in indoor.caption


OTHERWISE = [("evaluation.shots", 10), ("evaluation.trials", 3), ("evaluation.draw", "official")]


@pytest.mark.parametrize(("name", "value"), [*OTHERWISE, ("reid.config.steps", 100)])
def test_another_protocol_or_length_shows_no_number_and_says_why(name, value, study):
    found = shown(real("sysu", **{name: value}), study, 2)
    assert set(printed(found)) == {"–"}
    _, _, why = found.caption.partition(WITHHELD)
    assert name.rpartition(".")[2] in why and str(value) in why
    assert {here for _, here in cells(found)["rank-1"]} == {"50.0 ± 0.0"}, "ours are shown"


def test_an_llcm_profile_never_shows_the_column_of_another_data_set(study):
    llcm = real("llcm")
    found = shown(llcm, study, 2)  # LLCM's visible to infrared is the release's reading there, the paper's here
    assert printed(found)[0] == "49.13" and "(llcm, infrared-to-visible)" in found.caption
    one_way = real("llcm", **{"evaluation.modes": ["visible-to-infrared"]})
    found = shown(one_way, study, 2)
    assert set(printed(found)) == {"–"} and "reading" in found.caption
    released = real("llcm", **{"evaluation.reading": "release"})
    assert printed(shown(released, study, 2))[0] == "63.72"
    for number, profile in ((1, llcm), (2, llcm), (3, llcm), (4, llcm), (2, one_way), (2, real("regdb"))):
        table = study.table(number)
        places = [place for place, column in enumerate(table.columns) if column.dataset == profile.data.target]
        own = {f"{row.values[place][0]:.2f}" for row in table.rows for place in places}
        assert set(printed(shown(profile, study, number, method="" if number == 2 else "agw"))) <= own | {"–"}
    assert "sysu_mm01" in shown(real("regdb"), study, 2).caption


def test_an_equal_length_is_not_the_papers_where_images_were_added(study):
    found = shown(load_profile("sysu"), study, 2)
    assert printed(found)[:4] == ["47.50", "–", "69.88", "–"] and "here reid.length = equal" in found.caption


def test_the_miniature_world_shows_the_first_column_for_the_order_of_rows(study):
    found = shown(load_profile("mini"), study, 2)
    assert printed(found)[0] == "47.50" and "–" not in printed(found)
    assert "(sysu_mm01, all, shots 1, draw seeded)" in found.caption and WITHHELD not in found.caption


def test_the_campus_set_is_the_papers_second_external_set(study):
    found = shown(real("sysu"), study, 4, method="agw")
    assert printed(found) == ["74.70", "77.50", "79.07"]
    own = profile_of(real("sysu"), study.row("campus"))
    assert (own.data.external, own.data.roots["cuhk03_np"]) == ("cuhk03_np", "cuhk03-np/labeled")
    assert (own.expand.min_images, own.expand.splits) == (5, ["train", "gallery"])
    drawn = profile_of(load_profile("mini"), study.row("campus"))
    assert (drawn.expand.min_images, drawn.expand.splits) == (5, ["train"])


def test_conditions_that_do_not_matter_are_not_asked_for():
    column = Conditions("llcm", "infrared-to-visible", {}, 10)
    assert unlike(Conditions("llcm", "infrared-to-visible", {"reading": "release"}, 20), column) == []
    own = {"shots": 1, "draw": "seeded"}
    paper = Conditions("sysu_mm01", "all", own, 10)
    assert unlike(Conditions("sysu_mm01", "all", own | {"galleries": 1}, 10), paper) == []
    (why,) = unlike(Conditions("sysu_mm01", "all", own | {"galleries": 4}, 40), paper)
    assert "4" in why
    (why,) = unlike(Conditions("llcm", "visible-to-infrared", {"reading": "paper"}, 10), column)
    assert "mode" in why
