"""Verdicts over seeds: Welch's error and interval as scipy computes them, and words that fit the numbers."""

import pandas as pd
import pytest
import scipy.stats

from vireid_lib.experiment import verdicts


def _scores(**values: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"training": name, "mode": "all", "seed": seed, "rank_1": value, "mean_ap": value / 2, "older": False}
        for name, ranks in values.items()
        for seed, value in enumerate(ranks)
    )


def test_error_and_interval_are_welchs():
    ours, base = [0.47, 0.52, 0.49], [0.39, 0.41, 0.38]
    (found,) = verdicts.compare(_scores(real=base, true=ours))
    expected = scipy.stats.ttest_ind(ours, base, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.difference - found.margin == pytest.approx(100 * low)
    assert found.difference + found.margin == pytest.approx(100 * high)
    assert found.difference / found.contrast.standard_error == pytest.approx(expected.statistic)
    assert found.corrected == pytest.approx(expected.pvalue), "one comparison needs no correction"
    assert found.judgement == "better" and "beyond the noise" in found.sentence


def test_a_small_difference_is_called_noise_and_a_loss_a_loss():
    found = verdicts.compare(_scores(real=[0.39, 0.41, 0.40], dive=[0.40, 0.42, 0.39], copies=[0.2, 0.21, 0.19]))
    assert [each.judgement for each in found] == ["within noise", "worse"]
    assert verdicts.table(found)["verdict"].tolist() == ["within noise", "worse"]


def test_verdicts_of_one_table_are_corrected_together():
    sets = {"copies": [0.44, 0.46, 0.45], "dive": [0.41, 0.40, 0.39], "true": [0.60, 0.61, 0.59], "vae": [0.40]}
    scores = _scores(real=[0.42, 0.40, 0.41], **sets)
    found = {each.training: each for each in verdicts.compare(scores)}
    plain = {
        name: scipy.stats.ttest_ind(values, [0.42, 0.40, 0.41], equal_var=False).pvalue
        for name, values in sets.items()
        if name != "vae"
    }
    assert found["true"].corrected == pytest.approx(3 * plain["true"])
    assert found["copies"].corrected == pytest.approx(2 * plain["copies"])
    assert found["vae"].judgement == "one seed only" and found["vae"].corrected is None, "it is no test"
    alone = verdicts.compare(scores[scores["training"].isin(["real", "copies"])])[0]
    assert alone.corrected == pytest.approx(plain["copies"])
    assert alone.margin == found["copies"].margin, "the interval is each comparison's own"


def test_what_does_not_survive_correction_says_so():
    """With two comparisons a p-value of 4 % is not enough."""
    scores = _scores(real=[0.38, 0.40, 0.42], copies=[0.43, 0.44, 0.46], dive=[0.39, 0.41, 0.40])
    copies, _ = found = verdicts.compare(scores)
    assert 0.025 < copies.contrast.p_value < 0.05
    assert (copies.judgement, copies.before_correction) == ("within noise", "better")
    assert "better before correction" in copies.sentence and copies.difference > copies.margin
    assert verdicts.table(found)["verdict"].tolist() == ["within noise (better before correction)", "within noise"]
    assert verdicts.for_differences(found)["established"] == [False, False]


def _over_splits(**values: list[list[float]]) -> pd.DataFrame:
    """Training set → for each seed the rank-1 on each split."""
    return pd.DataFrame(
        [
            {
                "training": name,
                "mode": "all",
                "seed": seed,
                "rank_1": sum(splits) / len(splits),
                "splits": {"rank_1": {f"split {k}": value for k, value in enumerate(splits, 1)}},
            }
            for name, seeds in values.items()
            for seed, splits in enumerate(seeds)
        ]
    )


def test_splits_with_a_network_each_are_paired():
    real, dive = [0.70, 0.60, 0.80, 0.65], [0.73, 0.62, 0.84, 0.68]
    (found,) = verdicts.compare(_over_splits(real=[real], dive=[dive]))
    expected = scipy.stats.ttest_rel(dive, real)
    low, high = expected.confidence_interval(0.95)
    assert (found.difference - found.margin, found.difference + found.margin) == pytest.approx((100 * low, 100 * high))
    assert found.judgement == "better" and found.contrast.over == "4 splits"
    assert "over 4 splits" in found.sentence and "noise of the splits" in found.sentence
    assert "over 4 splits" in verdicts.table([found])["95 % interval"][0]
    assert found.corrected == pytest.approx(expected.pvalue)


def test_seeds_are_averaged_within_a_split():
    """Twice the seeds are not twice the splits."""
    real, dive = [0.70, 0.60, 0.80, 0.65], [0.73, 0.62, 0.84, 0.68]
    (once,) = verdicts.compare(_over_splits(real=[real], dive=[dive]))
    (twice,) = verdicts.compare(_over_splits(real=[real, real], dive=[dive, dive]))
    assert twice.margin == pytest.approx(once.margin) and twice.contrast.freedom == 3
    moved = [value + 0.1 for value in dive]
    (mean,) = verdicts.compare(_over_splits(real=[real, real], dive=[dive, moved]))
    assert mean.difference == pytest.approx(once.difference + 5)


def test_what_gives_no_verdict():
    (found,) = verdicts.compare(_scores(real=[0.4, 0.5], dive=[0.9]))
    assert found.judgement == "one seed only" and found.margin is None
    assert "nothing can be concluded" in found.sentence
    (found,) = verdicts.compare(_over_splits(real=[[0.5, 0.6, 0.7]], dive=[[0.6, 0.7]]))
    assert found.judgement == "one seed only", "other splits are not paired, and of seeds there is one"
    (found,) = verdicts.compare(_scores(real=[0.5, 0.5], dive=[0.5, 0.5]))
    assert found.judgement == "within noise"
    with pytest.raises(ValueError, match="no training on 'real'"):
        verdicts.compare(_scores(dive=[0.5]))


def test_another_metric_and_mode():
    scores = pd.concat([_scores(real=[0.4, 0.42], dive=[0.6, 0.62]), _scores(real=[0.1], dive=[0.2]).assign(mode="b")])
    assert verdicts.compare(scores, "mean_ap")[0].difference == pytest.approx(10)
    assert verdicts.compare(scores, mode="b")[0].difference == pytest.approx(10)


def test_overview_and_bars_hold_mean_and_deviation():
    extra = {
        "dataset": "mini_vi",
        "protocol": "all-search",
        "method": "agw",
        "external": None,
        "variant": "",
        "settings": {},
        "trials": 10,
        "rank_5": 0.5,
        "rank_10": 0.5,
        "rank_20": 0.5,
        "mean_inp": 0.2,
    }
    scores = _scores(real=[0.40, 0.42], dive=[0.5, 0.5])
    scores = scores.assign(**{name: [value] * len(scores) for name, value in extra.items()})
    table = verdicts.overview(scores)
    assert table.loc[("all-search", "real images only"), "rank-1"] == "41.0 ± 1.4"
    assert table.loc[("all-search", "+ DiVE"), "seeds"] == 2
    bars = verdicts.for_bars(scores)
    assert bars["means"] == pytest.approx([41, 50]) and bars["points"][0] == pytest.approx([40, 42])
    found = verdicts.for_differences(verdicts.compare(scores))
    assert found["labels"] == ["+ DiVE"] and found["means"] == pytest.approx([9])
