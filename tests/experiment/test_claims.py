"""Claims and comparisons: intervals as scipy computes them, corrected together, over seeds, galleries or splits."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from made_up_scores import measured

from vireid_lib.evaluation.statistics import crossed
from vireid_lib.experiment import claims
from vireid_lib.experiment.contrasts import Claim

A_B = Claim("a beats b", "here", "rank_1", "a", "b")


def judge(table: pd.DataFrame, asked: Sequence[Claim]) -> list:
    """A named tuple for each of the claims."""
    return list(claims.judge(table, asked).itertuples())


def counted(table: pd.DataFrame) -> list[int]:
    """The numbers in the words of `claims.count`."""
    return [int(number) for number in re.findall(r"\d+", claims.count(table))]


def scores(**ranks: list[float]) -> pd.DataFrame:
    """As `results.score_table` has them: training set → rank-1 of each seed."""
    table = measured(**ranks).rename(columns={"row": "training"})
    return table.assign(mean_ap=table["rank_1"] / 2, older=False)


def test_verdicts_follow_from_the_interval_of_the_pairs():
    a, b = [50.0, 52.0, 51.0], [40.0, 42.0, 39.0]
    asked = (
        A_B,
        Claim("b beats a", "there", "rank_1", "b", "a"),
        Claim("a is smaller", "there", "himd", "a", "b", "smaller"),
        Claim("c beats a", "nowhere", "rank_1", "c", "a"),
    )
    table = measured(a={"rank_1": a, "himd": [0.8, 0.9, 0.85]}, b={"rank_1": b, "himd": [0.81, 0.88, 0.87]})
    table = claims.judge(table, asked)
    found = list(table.itertuples())
    assert [each.verdict for each in found] == ["holds", "does not hold", "within noise", "not run"]
    expected = scipy.stats.ttest_rel(a, b)
    low, high = expected.confidence_interval(0.95)
    assert (found[0].difference - found[0].margin, found[0].difference + found[0].margin) == pytest.approx((low, high))
    assert found[0].p == pytest.approx(expected.pvalue)
    assert counted(table) == [4, 1, 1, 1, 1, 3, 1, 1, 1, 1], "four claims, of which three are tested in one family"
    shown = claims.findings_table(table)
    assert shown["verdict"].tolist() == ["holds", "does not hold", "within noise"]
    assert shown.loc[2, "difference (95 % interval)"].startswith("-0.003 (")


def galleries(**rows: list[list[float]]) -> pd.DataFrame:
    """Row name → for each seed the rank-1 on each part of the test identities."""
    table = measured(**{name: [float(np.mean(parts)) for parts in seeds] for name, seeds in rows.items()})
    return table.assign(parts=[{"rank_1": parts} for seeds in rows.values() for parts in seeds])


def test_other_seeds_on_either_side_are_not_paired():
    a, b = [50.0, 52.0, 51.0], [40.0, 42.0, 39.0]
    table = measured(a=a, b=b)
    table.loc[table["row"] == "b", "seed"] += 1
    (found,) = judge(table, [A_B])
    assert found.p == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert found.over == "3 seeds, not paired" and found.verdict == "holds"
    (fewer,) = judge(measured(a=a, b=b[:2]), [A_B])
    assert fewer.over == "3 and 2 seeds, not paired"


def test_seeds_and_galleries_are_paired():
    """The order of the rows does not matter, and the difference is the mean over the galleries."""
    a, b = [[62.0, 55.0], [58.0, 50.0], [63.0, 54.0]], [[60.0, 50.0], [57.0, 45.0], [60.0, 50.0]]
    (found,) = judge(galleries(a=a, b=b).iloc[[2, 0, 1, 3, 4, 5]], [A_B])
    expected = crossed(np.array(a) - np.array(b))
    assert (found.difference, found.margin) == pytest.approx((expected.value, expected.margin))
    assert found.p == pytest.approx(expected.p_value)
    assert found.over == "3 seeds × 2 galleries"
    c = [[61.0, 49.0], [52.0, 47.0], [60.0, 52.0]]
    (step,) = judge(galleries(a=a, b=b, c=c), [Claim("", "", "rank_1", "a", "b", than_from=("c", "b"))])
    assert step.margin == pytest.approx(crossed(np.array(a) + np.array(c) - 2 * np.array(b)).margin)
    (one,) = judge(galleries(a=a[:1], b=b[:1]), [A_B])
    assert (one.verdict, one.difference) == ("one seed only", 3.5)


def test_what_is_not_known_of_galleries_is_paired_over_seeds_alone():
    a, b = [[62.0, 55.0], [58.0, 50.0], [63.0, 54.0]], [[60.0, 50.0], [57.0, 45.0], [60.0, 50.0]]
    table = galleries(a=a, b=b).assign(himd=[0.8, 0.9, 0.7, 0.5, 0.6, 0.55])
    (found,) = judge(table, [Claim("", "", "himd", "a", "b")])
    expected = scipy.stats.ttest_rel([0.8, 0.9, 0.7], [0.5, 0.6, 0.55]).pvalue
    assert found.p == pytest.approx(expected) and found.over == "3 seeds"
    table["parts"] = table["parts"].where(table["row"] == "a", None)
    (found,) = judge(table, [A_B])
    assert found.over == "3 seeds", "a table of before the galleries"


def test_claims_are_corrected_by_comparison():
    """Three claims on a and b are one family, and the one on c and b is another."""
    a, b, c = [44.0, 45.0, 50.0], [39.0, 41.0, 43.0], [60.0, 61.0, 63.0]
    asked = (
        A_B,
        Claim("also in mAP", "", "mean_ap", "a", "b"),
        Claim("b is smaller", "", "himd", "b", "a", "smaller"),
        Claim("c beats b", "", "rank_1", "c", "b"),
    )
    noise = {"mean_ap": [30.0, 31.0, 29.5], "himd": [0.7, 0.8, 0.9]}
    table = measured(a={"rank_1": a} | noise, b={"rank_1": b} | noise, c={"rank_1": c} | noise)
    found = claims.judge(table, asked)
    first, *_, last = found.itertuples()
    p_first, p_last = (scipy.stats.ttest_rel(row, b).pvalue for row in (a, c))
    assert last.corrected == pytest.approx(2 * p_last), "two families"
    assert 0.02 < p_first < 0.05 and first.corrected == pytest.approx(3 * p_first), "three in the family that is left"
    assert (first.verdict, first.alone, last.verdict) == ("within noise", "holds", "holds")
    shown = claims.findings_table(found)["verdict"][0]
    assert first.verdict in shown and first.alone in shown
    assert counted(found) == [4, 1, 3, 4, 2, 2, 2], "one holds after correction, two before"


def test_a_claim_may_compare_two_steps():
    claim = Claim("the step grows", "here", "rank_1", "b", "a", than_from=("a", "c"))
    (found,) = judge(measured(a=[10.0, 11.0], b=[30.0, 32.0], c=[15.0, 16.0]), [claim])
    assert found.difference == pytest.approx(20.5 - 5) and found.verdict == "holds"
    expected = scipy.stats.ttest_rel([30.0, 32.0], [15.0, 16.0])
    assert found.corrected == pytest.approx(expected.pvalue), "both steps start from a, whose error cancels"
    claim = Claim("the second step is smaller", "", "rank_1", "b", "a", "larger", than_from=("b", "c"))
    a, b, c = [10.0, 12.0, 11.0], [30.0, 33.0, 31.0], [35.0, 36.0, 39.0]
    (found,) = judge(measured(a=a, b=b, c=c), [claim])
    assert found.difference == pytest.approx(2 * np.mean(b) - np.mean(a) - np.mean(c))
    assert found.p == pytest.approx(scipy.stats.ttest_rel(2 * np.array(b), np.array(a) + c).pvalue)


def test_what_gives_no_verdict():
    (one,) = judge(measured(a=[10.0], b=[30.0]), [Claim("b beats a", "here", "rank_1", "b", "a")])
    assert (one.verdict, one.words) == ("one seed only", "+20.0 points") and np.isnan(one.margin)
    two = {"split 1": 60.0, "split 2": 70.0}
    table = measured(a=[65.0], b=[60.0]).assign(splits=[{"rank_1": two}, {"rank_1": two | {"split 3": 50.0}}])
    (other_splits,) = judge(table, [A_B])
    assert other_splits.verdict == "one seed only", "seeds are what is left, and of those there is one"
    (equal,) = judge(measured(a=[0.5, 0.5], b=[0.5, 0.5]), [A_B])
    assert equal.verdict == "within noise"
    unmeasured = measured(a={"himd": [float("nan")] * 2}, b={"himd": [0.5, 0.6]})
    (none,) = judge(unmeasured, [Claim("a is smaller", "here", "himd", "a", "b", "smaller")])
    assert (none.verdict, none.words) == ("not run", "")


def test_training_sets_are_compared_with_the_reference_and_corrected_together():
    real = [0.42, 0.40, 0.41]
    sets = {"grayscale": [0.44, 0.46, 0.45], "dive": [0.41, 0.40, 0.39], "oracle_ir": [0.60, 0.61, 0.59], "vae": [0.40]}
    table = scores(real=real, **sets)
    table_of = claims.compare(table)
    found = {each.row: each for each in table_of.itertuples()}
    tested = {name: own for name, own in sets.items() if name != "vae"}
    plain = {name: scipy.stats.ttest_rel(own, real).pvalue for name, own in tested.items()}
    assert found["oracle_ir"].corrected == pytest.approx(3 * plain["oracle_ir"])
    assert found["grayscale"].corrected == pytest.approx(2 * plain["grayscale"])
    assert found["vae"].verdict == "one seed only" and np.isnan(found["vae"].corrected), "it is no test"
    (alone,) = claims.compare(table[table["training"].isin(["real", "grayscale"])]).itertuples()
    assert alone.corrected == pytest.approx(plain["grayscale"])
    assert alone.margin == found["grayscale"].margin, "the interval is each comparison's own"
    drawn = claims.for_differences(table_of)
    assert drawn["labels"][1] == "+ DiVE" and drawn["established"] == [False, False, True, False]
    with pytest.raises(ValueError, match="no training on 'real'"):
        claims.compare(scores(dive=[0.5]))


def test_a_comparison_is_of_one_metric_and_mode():
    table = pd.concat([scores(real=[0.4, 0.42], dive=[0.6, 0.62]), scores(real=[0.1], dive=[0.2]).assign(mode="b")])
    assert claims.compare(table, "mean_ap")["difference"].tolist() == pytest.approx([10])
    assert claims.compare(table, mode="b")["difference"].tolist() == pytest.approx([10])
