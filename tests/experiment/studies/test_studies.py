"""Studies: rows and claims are checked, what is trained is shown, tables mark what older code made."""

import pandas as pd
import pytest
from made_up_scores import measured

from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import Claim, Row, Study

DEN = studies.load_study("den")


def study(*claims: Claim) -> Study:
    return Study("den", [Row("a", "A", "agw"), Row("b", "B", "agw"), Row("c", "C", "agw", always=False)], claims)


def test_rows_and_claims_are_checked():
    with pytest.raises(ValueError, match="two rows are called a"):
        Study("den", [Row("a", "A", "agw"), Row("a", "B", "agw")], ())
    with pytest.raises(ValueError, match="speaks of a row 'd'"):
        study(Claim("d beats a", "here", "rank_1", "d", "a"))
    assert [row.name for row in study().chosen()] == ["a", "b"] and len(study().chosen(full=True)) == 3


def test_every_table_of_a_study_marks_what_older_code_made(tiny_book):
    values = {"rank_1": [50.0, 52.0, 51.0], "mean_ap": [1.0, 2.0, 3.0]}
    table = measured(a=values, b=values, c=values)
    claims = Claim("a beats b", "", "rank_1", "a", "b"), Claim("c beats b", "", "rank_1", "c", "b")
    names = [row.name for row in DEN.rows[:3]]
    for older in (False, True):
        table["older"] = older & (table["row"] == "a")
        assert [label.endswith("†") for label in studies.overview(table, ["rank_1"]).index] == [older, False, False]
        shown = studies.findings_table(studies.judge(table, claims))
        assert shown["verdict"].str.endswith("†").tolist() == [older, False]
        of_den = table.assign(row=table["row"].map(dict(zip("abc", names, strict=True))))
        of_den = of_den.assign(**dict.fromkeys(DEN.table(1).metrics, of_den["rank_1"]))
        beside = studies.beside_paper(tiny_book, DEN, of_den, 1)
        assert ("†" in beside.to_html()) == ("older code" in beside.caption) == older


def test_what_is_trained_is_shown_without_training_more(tiny_book):
    row = Row("few", "few", "agw", training="grayscale")
    own, never = Study("den", [row, Row("never", "never", "agw", {"steps": 3}, always=False)], ()), {"steps": 4}
    table = studies.measure(tiny_book, own)
    before = {path for path in tiny_book.cache.stages.glob("*/*") if path.is_dir()}
    pd.testing.assert_frame_equal(studies.measure(tiny_book, own, training=False), table)
    assert {path for path in tiny_book.cache.stages.glob("*/*") if path.is_dir()} == before
    with pytest.raises(ValueError, match="No row of study den is trained"):
        studies.measure(tiny_book, Study("den", [Row("no", "no", "agw", never)], ()), training=False)
