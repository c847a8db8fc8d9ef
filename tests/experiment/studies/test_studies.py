"""Studies: rows are trainings, claims are judged by the seeds, the paper's numbers stand apart from ours."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import Claim, Row, Study
from vireid_lib.experiment.studies.den import STUDY as DEN


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
    assert studies.count(found).startswith("Of 4 claims: 1 holds, 1 does not hold, 1 within noise, 1 not run.")
    assert studies.count(found * 2).startswith("Of 8 claims: 2 hold, 2 do not hold, 2 within noise, 2 not run.")
    assert "over the 3 that could be tested (1 comparison)" in studies.count(found)
    shown = studies.findings_table(found)
    assert shown.table["verdict"].tolist() == ["holds", "does not hold", "within noise"]
    assert shown.table.loc[2, "difference here (95 % interval)"].startswith("-0.003 (")
    assert "✓ holds" in shown.markup and "✗ does not hold" in shown.markup and "not run" not in shown.markup


def test_claims_of_a_study_are_corrected_by_comparison():
    """Three claims on a and b are one family, and the one on c and b is another."""
    a, b, c = [44.0, 45.0, 47.0], [39.0, 41.0, 43.0], [60.0, 61.0, 63.0]
    claims = (
        Claim("a beats b", "", "rank_1", "a", "b"),
        Claim("also in mAP", "", "mean_ap", "a", "b"),
        Claim("b is smaller", "", "himd", "b", "a", "smaller"),
        Claim("c beats b", "", "rank_1", "c", "b"),
    )
    noise = {"mean_ap": [30.0, 31.0, 29.5], "himd": [0.7, 0.8, 0.9]}
    table = measured(a={"rank_1": a} | noise, b={"rank_1": b} | noise, c={"rank_1": c} | noise)
    first, *_, last = found = studies.judge(table, study(*claims))
    p_first, p_last = (scipy.stats.ttest_ind(row, b, equal_var=False).pvalue for row in (a, c))
    assert last.corrected == pytest.approx(2 * p_last), "two families"
    assert 0.02 < p_first < 0.05 and first.corrected == pytest.approx(3 * p_first), "three in the family that is left"
    assert (first.verdict, first.before_correction, last.verdict) == ("within noise", "holds", "holds")
    shown = studies.findings_table(found)
    assert shown.table["verdict"][0] == "within noise (holds before correction)"
    assert "~ within noise (holds before correction)" in shown.markup
    assert shown.table["corrected p"].str.len().gt(0).all()
    assert "one by one, without it: 2 hold, 2 within noise" in studies.count(found)


def test_false_claims_hold_in_five_percent_of_studies_at_most():
    """DEN's fifty claims in worlds in which nothing is true, three seeds, measures that go together."""
    random, worlds = np.random.default_rng(0), 150
    measures = sorted({claim.measure for claim in DEN.claims})
    after, before = 0, 0
    for _ in range(worlds):
        common = random.normal(size=(len(DEN.rows), 3, 1))
        values = 0.8 * common + 0.6 * random.normal(size=(len(DEN.rows), 3, len(measures)))
        rows = [
            {"row": row.name, "mode": "all", "seed": seed, **dict(zip(measures, values[place, seed], strict=True))}
            for place, row in enumerate(DEN.rows)
            for seed in range(3)
        ]
        found = studies.judge(pd.DataFrame(rows), DEN)
        after += any(each.verdict != "within noise" for each in found)
        before += any(each.before_correction != "within noise" for each in found)
    assert after / worlds <= 0.05 + 2 * (0.05 * 0.95 / worlds) ** 0.5
    assert before / worlds > 0.4, "one by one, most of such studies show something"


def test_a_claim_may_compare_two_steps():
    claim = Claim("the step grows", "here", "rank_1", "b", "a", than_from=("a", "c"))
    table = measured(a={"rank_1": [10.0, 11.0]}, b={"rank_1": [30.0, 31.0]}, c={"rank_1": [15.0, 16.0]})
    (found,) = studies.judge(table, study(claim))
    assert found.difference == pytest.approx(20 - 5) and found.verdict == "holds"
    expected = scipy.stats.ttest_ind([30.0, 31.0], [15.0, 16.0], equal_var=False)
    assert found.corrected == pytest.approx(expected.pvalue), "both steps start from a, whose error cancels"


def test_a_row_that_two_steps_share_counts_with_its_whole_error():
    claim = Claim("the second step is smaller", "", "rank_1", "b", "a", "larger", than_from=("b", "c"))
    a, b, c = [10.0, 12.0, 11.0], [30.0, 33.0, 31.0], [35.0, 36.0, 39.0]
    (found,) = studies.judge(measured(a={"rank_1": a}, b={"rank_1": b}, c={"rank_1": c}), study(claim))
    errors = [scipy.stats.sem(each) for each in (a, b, c)]
    assert found.difference == pytest.approx(2 * np.mean(b) - np.mean(a) - np.mean(c))
    assert found.contrast.standard_error**2 == pytest.approx(errors[0] ** 2 + 4 * errors[1] ** 2 + errors[2] ** 2)


def test_what_was_not_measured_gives_no_verdict():
    table = measured(a={"himd": [float("nan")] * 2}, b={"himd": [0.5, 0.6]})
    (found,) = studies.judge(table, study(Claim("a is smaller", "here", "himd", "a", "b", "smaller")))
    assert found.verdict == "not run" and found.words == ""


def test_claims_are_judged_over_splits_where_there_are_networks_for_each():
    def row(name, seed, values):
        return {
            "row": name,
            "label": name,
            "seed": seed,
            "mode": "all",
            "rank_1": float(np.mean(values)),
            "splits": {"rank_1": {f"split {k}": value for k, value in enumerate(values, 1)}},
        }

    a, b = [70.0, 60.0, 80.0], [69.0, 58.5, 79.0]
    claim = Claim("a beats b", "here", "rank_1", "a", "b")
    (found,) = studies.judge(pd.DataFrame([row("a", 0, a), row("b", 0, b)]), study(claim))
    assert found.contrast.p_value == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue)
    assert found.verdict == "holds" and "over 3 splits" in found.words
    step = Claim("twice", "here", "rank_1", "a", "b", than_from=("c", "b"))
    rows = pd.DataFrame([row("a", 0, a), row("b", 0, b), row("c", 0, [50.0, 61.0, 70.0])])
    (found,) = studies.judge(rows, study(step))
    assert found.contrast.p_value == pytest.approx(scipy.stats.ttest_rel(a, [88.0, 56.0, 88.0]).pvalue)


def test_a_study_says_what_it_can_not_show(tiny_book):
    rows = [
        Row("real", "real", "agw"),
        Row("dive", "DiVE", "agw", training="dive"),
        Row("tse", "TSE", "mpanet_expanded", training="flow2flow.tse"),
        Row("grey", "grey", "agw", training="copies"),
        Row("joint", "joint", "jsia"),
    ]
    own = Study("den", rows, [Claim("DiVE helps", "", "rank_1", "dive", "real")])
    scores = {row.name: {"rank_1": [40.0, 42.0, 41.0 + place]} for place, row in enumerate(rows)}
    table = measured(**scores)
    words = studies.limits(tiny_book, own, table, found := studies.judge(table, own))
    assert "Fitted once, with each of its settings: DiVE, Flow2Flow." in words, "copies are not fitted"
    assert "JSIA were trained anew with each seed" in words and "Over 3 seeds" in words
    assert f"reach {found[0].margin:.2g} to {found[0].margin:.2g}" in words
    table = table[table["row"].isin(["real", "grey"])]
    words = studies.limits(tiny_book, own, table, studies.judge(table, own))
    assert "No claim could be tested" in words and "No row has pictures of a fitted generator" in words


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


def test_a_study_is_trained_measured_and_shown(tiny_book):
    changes = {"ird_hue_grey": False, "ci": False}
    rows = [Row("base", "Base", "baseline"), Row("ird", "IRD", "den", changes)]
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
    column = "All-search (sysu_mm01, all, shots 1, draw seeded)"
    assert f"printed there, {column}, for the order of rows alone" in shown.markup
    assert "measured here (mini_vi, all)" in shown.markup


def test_every_table_of_a_study_marks_what_older_code_made(tiny_book):
    values = {"rank_1": [50.0, 52.0, 51.0], "mean_ap": [1.0, 2.0, 3.0]}
    table = measured(a=values, b=values, c=values)
    claims = Claim("a beats b", "", "rank_1", "a", "b"), Claim("c beats b", "", "rank_1", "c", "b")
    names = [row.name for row in DEN.rows[:3]]
    for older in (False, True):
        table["older"] = older & (table["row"] == "a")
        assert [label.endswith("†") for label in studies.overview(table, ["rank_1"]).index] == [older, False, False]
        shown = studies.findings_table(studies.judge(table, study(*claims)))
        assert shown.table["verdict"].str.endswith("†").tolist() == [older, False]
        assert ("older code" in shown.markup) == older
        of_den = table.assign(row=table["row"].map(dict(zip("abc", names, strict=True))))
        of_den = of_den.assign(**dict.fromkeys(DEN.table(1).metrics, of_den["rank_1"]))
        beside = studies.beside_paper(tiny_book, DEN, of_den, 1)
        assert ("†" in beside.markup) == ("older code" in beside.markup) == older
