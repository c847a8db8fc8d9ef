"""DiVE's study: its rows follow the method, the generators and the numbers of people that are asked for."""

import re

import pytest

from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.studies import dive
from vireid_lib.experiment.study import run_of

OF_ONE_METHOD = (1, 3, 4)
"""Tables for which the study chooses the method."""

FIGURE_5 = re.compile(r"(dive|oracle_ir)_\d+")
"""Names of figure 5's rows."""


def real(run: Run) -> Run:
    """The book, were its world photographed: what the study's choices depend on."""
    own = Run(run.profile, run.folder)
    own.profile = run.profile.model_copy(update={"world": None})
    own.data = run.data
    own.with_method = lambda method: Run(run.profile, run.folder).with_method(method)
    return own


def test_the_papers_method_on_real_data_and_a_cheaper_one_in_the_miniature_world(tiny_book):
    assert dive.study(tiny_book, "grayscale").method == dive.MINIATURE == "agw"
    found = dive.study(real(tiny_book), "grayscale")
    assert found.method == dive.THE_PAPERS == "deen"
    assert dive.study(real(tiny_book), "grayscale", "agw").method == "agw"
    assert {printed.method for number in OF_ONE_METHOD for printed in found.table(number).rows} == {dive.THE_PAPERS}
    with pytest.raises(ValueError, match="no method 'agv'"):
        dive.study(tiny_book, "grayscale", "agv")
    alone = tiny_book.profile.model_copy(update={"data": tiny_book.profile.data.model_copy(update={"external": None})})
    with pytest.raises(ValueError, match="names no data.external"):
        dive.study(Run(alone, tiny_book.folder))


def test_a_rows_changes_of_dive_do_not_reach_the_profiles_variants_of_it(tiny_run):
    variant = {"variant_of": "dive", "tone": "cameras"}  # which is not for `start: image`
    run = tiny_run({"generators.dive_tone": variant, "reid.training_sets": ["real", "dive", "dive_tone"]})
    rows = {row.name: row for row in dive.study(run, "grayscale").rows}
    changed = run_of(run, rows["agw_dive_from_image"]).profile
    assert changed.generators["dive"]["start"] == "image"
    assert changed.variants == {} and changed.reid.training_sets == ["real", "dive"]
    assert "dive_tone" in run_of(run, rows["agw_dive"]).profile.variants, "of rows without changes they stay"


def test_figure_5_has_the_profiles_counts_and_a_claim_on_the_decline(tiny_run):
    """Of a book whose expanded people are fewer than some counts of figure 5 and more than others."""
    book = tiny_run({"expand.identities": 2, "expand.counts": [3, 1]})
    study = dive.study(book, "grayscale")
    rows = {row.name: row for row in study.rows if FIGURE_5.fullmatch(row.name)}
    assert list(rows) == ["dive_1", "oracle_ir_1", "oracle_ir_3"], "beyond the expanded people there is the truth"
    assert run_of(book, rows["dive_1"]).profile.reid.expanded == 1
    assert run_of(book, rows["oracle_ir_3"]).data().external["identity"].nunique() == 3
    claims = [claim for claim in study.claims if claim.place == "Fig. 5"]
    assert [claim.rows for claim in claims] == [("dive_1", "agw_real"), ("agw_dive", "dive_1")]

    study = dive.study(real(book), "grayscale")
    names = [row.name for row in study.rows if FIGURE_5.fullmatch(row.name)]
    assert names == ["dive_1", "oracle_ir_1", "dive_3"]
    claim = [claim for claim in study.claims if claim.place == "Fig. 5"][-1]
    assert (claim.row, claim.other, claim.direction) == ("dive_3", "deen_dive", "smaller")
    for name in ("sysu", "llcm"):
        counts = load_profile(name).expand.counts
        assert min(counts) < 1011 < max(counts)
