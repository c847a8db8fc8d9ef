"""The smallest difference that a study's seeds can show: by hand, and from what is finished."""

import numpy as np
import pytest
import scipy.stats
from made_up_scores import record, score

from vireid_lib.evaluation.statistics import crossed, smallest_difference, variance_components
from vireid_lib.experiment import results
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.sensitivity import scatter


def test_worked_by_hand():
    """t of 4 degrees of freedom over the root of 5; at a twelfth of the level."""
    assert smallest_difference(5) == pytest.approx(2.776 / 5**0.5, rel=1e-3)
    assert smallest_difference(5, level=0.05 / 12) == pytest.approx(scipy.stats.t.ppf(1 - 0.05 / 24, 4) / 5**0.5)
    assert smallest_difference(5, 4) == pytest.approx(smallest_difference(5)), "seeds alone scatter"
    assert smallest_difference(1) is None and smallest_difference(3, variances=(-1.0, 0.0, 0.0)) == 0
    # Mean squares 1 + 4 x 2 = 9, 1 + 5 x 3 = 16, 1; V = 24; freedom 576 / (81 / 4 + 256 / 3 + 1 / 12).
    freedom = 576 / (81 / 4 + 256 / 3 + 1 / 12)
    expected = scipy.stats.t.ppf(0.975, freedom) * (24 / 20) ** 0.5
    assert smallest_difference(5, 4, variances=(2.0, 3.0, 1.0)) == pytest.approx(expected)


def test_components_are_unbiased_and_predict_the_margin():
    random, truth = np.random.default_rng(0), np.array([2.0, 3.0, 1.0])
    sizes = (5, 1), (1, 4), (5, 4)
    drawn = (random.normal(size=(4000, *size)) * each**0.5 for size, each in zip(sizes, truth, strict=True))
    differences = sum(drawn)
    found = np.mean([variance_components(each) for each in differences], axis=0)
    assert found == pytest.approx(truth, rel=0.08)
    margins = [crossed(each).margin for each in differences[:500]]
    assert np.median(margins) == pytest.approx(smallest_difference(5, 4, variances=(2.0, 3.0, 1.0)), rel=0.15)


def test_the_scatter_is_that_of_finished_pairs_of_a_method(tmp_path):
    cache = Cache(tmp_path)
    ranks = {"real": [0.40, 0.42, 0.41], "grayscale": [0.45, 0.49, 0.44], "dive": [0.5, 0.5, 0.6]}
    for name, values in ranks.items():
        record(cache, *(score(value, training=name, seed=seed) for seed, value in enumerate(values)))
    record(cache, *(score(value, method="caj", seed=seed) for seed, value in enumerate([0.1, 0.9, 0.4])))
    record(cache, *(score(0.3 + seed, training="vae", seed=seed) for seed in (0, 1)))
    scores = results.score_table(cache.records())
    variances, pairs = scatter(scores, ["agw"], "rank_1", "all")
    a, b, c = (100 * np.array(values) for values in ranks.values())
    assert pairs == 3, "not with other seeds, nor with another method"
    expected = np.mean([np.var(one - other, ddof=1) for one, other in ((a, b), (a, c), (b, c))])
    assert variances == pytest.approx((expected, 0, 0))
    assert scatter(scores, ["caj"], "rank_1", "all") is None
