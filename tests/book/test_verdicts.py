"""Verdicts over seeds: Welch's error and interval as scipy computes them, and words that fit the numbers."""

import pandas as pd
import pytest
import scipy.stats

from vireid_lib.book import verdicts


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
    assert found.difference / found.standard_error == pytest.approx(expected.statistic)
    assert found.judgement == "better" and "beyond the noise" in found.sentence


def test_a_small_difference_is_called_noise_and_a_loss_a_loss():
    found = verdicts.compare(_scores(real=[0.39, 0.41, 0.40], dive=[0.40, 0.42, 0.39], copies=[0.2, 0.21, 0.19]))
    assert [each.judgement for each in found] == ["within noise", "worse"]
    assert "contains zero" in found[0].sentence
    assert verdicts.table(found)["verdict"].tolist() == ["within noise", "worse"]


def test_one_seed_gives_no_verdict():
    (found,) = verdicts.compare(_scores(real=[0.4, 0.5], dive=[0.9]))
    assert found.judgement == "one seed only" and found.margin is None
    assert "nothing can be concluded" in found.sentence


def test_equal_seeds_and_a_missing_reference():
    (found,) = verdicts.compare(_scores(real=[0.5, 0.5], dive=[0.5, 0.5]))
    assert found.judgement == "within noise"
    with pytest.raises(ValueError, match="no training on 'real'"):
        verdicts.compare(_scores(dive=[0.5]))


def test_another_metric_and_mode():
    scores = pd.concat([_scores(real=[0.4, 0.42], dive=[0.6, 0.62]), _scores(real=[0.1], dive=[0.2]).assign(mode="b")])
    assert verdicts.compare(scores, "mean_ap")[0].difference == pytest.approx(10)
    assert verdicts.compare(scores, mode="b")[0].difference == pytest.approx(10)


def test_overview_and_bars_hold_mean_and_deviation():
    extra = {"dataset": "mini_vi", "protocol": "all-search", "method": "agw", "external": None, "variant": "",
             "settings": {}, "trials": 10, "rank_5": 0.5, "rank_10": 0.5, "rank_20": 0.5, "mean_inp": 0.2}  # fmt: skip
    scores = _scores(real=[0.40, 0.42], dive=[0.5, 0.5])
    scores = scores.assign(**{name: [value] * len(scores) for name, value in extra.items()})
    table = verdicts.overview(scores)
    assert table.loc[("all-search", "real images only"), "rank-1"] == "41.0 ± 1.4"
    assert table.loc[("all-search", "+ DiVE"), "seeds"] == 2
    bars = verdicts.for_bars(scores)
    assert bars["means"] == pytest.approx([41, 50]) and bars["points"][0] == pytest.approx([40, 42])
    found = verdicts.for_differences(verdicts.compare(scores))
    assert found["labels"] == ["+ DiVE"] and found["means"] == pytest.approx([9])
