"""Studies: rows are trainings, claims are judged by the seeds, the paper's numbers stand apart from ours."""

import pandas as pd
import pytest
import scipy.stats

from vireid_lib.book import studies
from vireid_lib.book.settings import reid_config
from vireid_lib.book.studies import Claim, Row, Study
from vireid_lib.book.studies.den import STUDY as DEN
from vireid_lib.book.studies.study import book_of


def measured(**rows: dict[str, list[float]]) -> pd.DataFrame:
    """Row name → measure → value of each seed."""
    found = []
    for name, values in rows.items():
        for seed in range(len(next(iter(values.values())))):
            cells = {measure: numbers[seed] for measure, numbers in values.items()}
            found.append({"row": name, "label": name.upper(), "seed": seed, "mode": "all", **cells})
    return pd.DataFrame(found)


def study(*claims: Claim) -> Study:
    return Study("den", [Row("a", "A", "agw"), Row("b", "B", "agw"), Row("c", "C", "agw", always=False)], claims)


def test_verdicts_follow_from_welchs_interval():
    a, b = [50.0, 52.0, 51.0], [40.0, 42.0, 39.0]
    claims = (
        Claim("a beats b", "here", "rank_1", "a", "b"),
        Claim("b beats a", "there", "rank_1", "b", "a"),
        Claim("a is smaller", "there", "himd", "a", "b", "smaller"),
        Claim("c beats a", "nowhere", "rank_1", "c", "a"),
    )
    table = measured(a={"rank_1": a, "himd": [0.8, 0.9, 0.85]}, b={"rank_1": b, "himd": [0.81, 0.88, 0.87]})
    found = studies.judge(table, study(*claims))
    assert [each.verdict for each in found] == ["holds", "does not hold", "within noise", "not run"]
    expected = scipy.stats.ttest_ind(a, b, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found[0].difference - found[0].margin == pytest.approx(low)
    assert found[0].difference + found[0].margin == pytest.approx(high)
    assert "a beats b (here): holds; rank-1 +10.7 points" in found[0].sentence and "3 seeds" in found[0].sentence
    assert found[3].sentence == "c beats a (nowhere): not run."
    assert studies.count(found) == "Of 4 claims: 1 holds, 1 does not hold, 1 within noise, 1 not run."
    assert studies.count(found * 2) == "Of 8 claims: 2 hold, 2 do not hold, 2 within noise, 2 not run."
    shown = studies.findings_table(found)
    assert shown.table["verdict"].tolist() == ["holds", "does not hold", "within noise"]
    assert shown.table.loc[2, "difference here (95 % interval)"].startswith("-0.003 (")
    assert "✓ holds" in shown.markup and "✗ does not hold" in shown.markup and "not run" not in shown.markup


def test_a_claim_may_compare_two_steps():
    claim = Claim("the step grows", "here", "rank_1", "b", "a", than_from=("a", "c"))
    table = measured(a={"rank_1": [10.0, 11.0]}, b={"rank_1": [30.0, 31.0]}, c={"rank_1": [15.0, 16.0]})
    (found,) = studies.judge(table, study(claim))
    assert found.difference == pytest.approx(20 - 5) and found.verdict == "holds"


def test_one_seed_gives_no_verdict():
    table = measured(a={"rank_1": [10.0]}, b={"rank_1": [30.0]})
    (found,) = studies.judge(table, study(Claim("b beats a", "here", "rank_1", "b", "a")))
    assert found.verdict == "one seed only" and found.words == "+20.0 points"


def test_rows_and_claims_are_checked():
    with pytest.raises(ValueError, match="two rows are called a"):
        Study("den", [Row("a", "A", "agw"), Row("a", "B", "agw")], ())
    with pytest.raises(ValueError, match="speaks of a row 'd'"):
        study(Claim("d beats a", "here", "rank_1", "d", "a"))
    assert [row.name for row in study().chosen()] == ["a", "b"] and len(study().chosen(full=True)) == 3


def test_every_row_of_dens_ablation_is_trained_somewhere(tiny_book):
    for number in (1, 3, 4, 5, 6):
        for printed in DEN.table(number).rows:
            assert DEN.row_of(printed) is not None, f"table {number}: {printed.printed}"
    configs = {}
    for row in DEN.rows:
        own = book_of(tiny_book, row)
        assert own.profile.reid.config["steps"] == 2, "the profile's own settings stay"
        configs[row.name] = reid_config(own.profile).model_dump_json()
    assert len(set(configs.values())) == len(configs), "two rows are the same training"


def test_every_claim_of_den_agrees_with_the_numbers_it_prints():
    printed = {}
    for table in DEN.paper.tables:
        for row in table.rows:
            if table.number != 2 and (own := DEN.row_of(row)):
                for measure, value in zip(table.metrics, row.values[0], strict=True):
                    printed.setdefault((own.name, measure), value)
    for claim in DEN.claims:
        values = [printed[name, claim.measure] for name in claim.rows]
        difference = values[0] - values[1] - (values[3] - values[2] if claim.than_from else 0)
        assert (difference > 0) == (claim.direction == "larger"), claim.words


def test_a_study_is_trained_measured_and_shown(tiny_book):
    changes = {"ird_hue_grey": False, "ci": False}
    rows = [Row("base", "Base", "baseline"), Row("ird", "IRD", "den", changes, "IRD(V,I), HG")]
    own = Study("den", rows, (Claim("IRD lowers HIMD", "Table 6", "himd", "ird", "base", "smaller"),))
    table = studies.measure(tiny_book, own)
    assert table["row"].tolist() == ["base", "ird"] and set(table["seed"]) == {0}
    assert table["rank_1"].between(0, 100).all() and table["himd"].between(0, 2).all()
    assert studies.judge(table, own)[0].verdict == "one seed only"
    assert studies.overview(table).loc["IRD", "seeds"] == 1
    given = studies.effort(tiny_book, own, table).loc["IRD"].tolist()
    assert given[:4] == [2, 2, 2, 2 * 2 * 2 * 2] and given[4] >= 0
    shown = studies.beside_paper(tiny_book, own, table, 6)
    by_row = shown.table.set_index("row")
    assert by_row.loc["Base", "HIMD (V,I), printed"] == "0.849" and by_row.loc["CAJ", "HIMD (V,I), here"] == "not run"
    assert by_row.loc["IRD(V,I)", "ours"] == "IRD"
    assert "printed there (sysu_mm01, all)" in shown.markup and "measured here (mini_vi, all)" in shown.markup
