"""Statistics against scipy's tests, against definitions, and against simulated worlds in which nothing is true."""

import itertools

import numpy as np
import pytest
import scipy.stats

from vireid_lib.evaluation import statistics
from vireid_lib.evaluation.statistics import Difference, crossed, equivalence, holm, paired, welch

A, B = np.array([50.0, 52.0, 51.0, 55.0]), np.array([40.0, 42.0, 39.0])


def test_welch_is_scipys():
    found, expected = welch([A], [B]), scipy.stats.ttest_ind(A, B, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.value - found.margin, found.value + found.margin) == pytest.approx((low, high))
    assert found.freedom == pytest.approx(expected.df)


def test_two_steps_have_the_error_of_all_four_samples():
    c, d = np.array([1.0, 2.0, 4.0]), np.array([3.0, 3.5])
    found = welch([A, c], [B, d])
    assert found.value == pytest.approx(A.mean() - B.mean() + c.mean() - d.mean())
    assert found.standard_error**2 == pytest.approx(sum(scipy.stats.sem(each) ** 2 for each in (A, B, c, d)))


def test_a_single_value_has_no_error_and_equal_values_none():
    assert welch([A], [B[:1]]) == Difference(A.mean() - B[0]) and paired([A[:1]], [B[:1]]).p_value is None
    same = welch([np.ones(3)], [np.ones(2)])
    assert (same.value, same.margin, same.p_value) == (0, 0, 1)
    assert welch([np.ones(3)], [np.zeros(2)]).p_value == 0


def test_holm_without_families():
    """Worked by hand, as R's p.adjust(method = "holm") has it."""
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.001, 0.5, 0.02]) == pytest.approx([0.003, 0.5, 0.04])
    assert holm([]) == [] and holm([0.6, 0.7]) == [1, 1]
    assert holm([0.01, None, 0.5], ["a", "b", "c"]) == [pytest.approx(0.02), None, 0.5], "untested costs nothing"
    assert holm([0.01, 0.5], ["a", "b"])[0] == holm([0.01, 0.5, 0.6, 0.7], ["a", "b", "b", "b"])[0]
    values = (np.random.default_rng(0).random(7) ** 3).tolist()
    assert holm(values, ["one"] * 7) == pytest.approx(holm(values)), "one family alone is Holm's procedure, too"


def test_holm_is_the_closed_test_of_bonferroni():
    values = np.random.default_rng(1).random(6) ** 4
    for place, found in enumerate(holm(values.tolist())):
        sets = (subset for size in range(1, 7) for subset in itertools.combinations(range(6), size) if place in subset)
        assert found == pytest.approx(max(min(1, len(each) * values[list(each)].min()) for each in sets))


def test_holm_over_families_is_the_procedure_that_its_docstring_states():
    random, families = np.random.default_rng(2), ["a", "a", "b", "c", "c", "c"]
    for _ in range(20):
        values = random.random(6) ** 5
        corrected = np.array(holm(values.tolist(), families))
        for level in (0.01, 0.05, 0.2):
            assert np.array_equal(corrected <= level, _rejected(values, families, level))


def _rejected(values, families, level):
    """Reject whatever may be rejected, round by round, until nothing may."""
    rejected = np.zeros(len(values), bool)
    while True:
        left = [family for family, done in zip(families, rejected, strict=True) if not done]
        more = [
            not done and value <= level / (len(set(left)) * left.count(family))
            for value, family, done in zip(values, families, rejected, strict=True)
        ]
        if not any(more):
            return rejected
        rejected |= more


@pytest.mark.parametrize("true", [0, 12])
def test_holm_over_families_controls_the_family_wise_error(true):
    """Correlated metrics, three values each; also while some comparisons differ truly, in one metric of two."""
    random, worlds, families = np.random.default_rng(3), 1500, np.repeat(np.arange(15), 2).tolist()
    rows = random.normal(size=(worlds, 16, 1, 3)) + 0.5 * random.normal(size=(worlds, 16, 2, 3))
    rows[:, 1 : true + 1, 0] += 1000
    p_values = scipy.stats.ttest_ind(rows[:, 1:], rows[:, :1], axis=-1, equal_var=False).pvalue.reshape(worlds, 30)
    nothing = np.array([place >= true or metric == 1 for place in range(15) for metric in (0, 1)])
    corrected = np.array([holm(each, families) for each in p_values.tolist()])
    false = (corrected[:, nothing] <= 0.05).any(1).mean()
    assert false <= 0.05 + 2 * (0.05 * 0.95 / worlds) ** 0.5 < 0.25 < (p_values[:, nothing] <= 0.05).any(1).mean()
    assert (corrected[:, ~nothing] <= 0.05).all(), "what is true is found"


@pytest.mark.parametrize("spread", [0.05, 0.3, 0.6, 1.5, 6.0])
def test_equivalence_is_two_one_sided_tests(spread):
    random, seen = np.random.default_rng(4), set()
    for shift, count in itertools.product((0.0, 0.5, 0.9, 1.1, 3.0, -5.0), (2, 3, 10)):
        values = 47.5 + shift + spread * random.normal(size=count)
        found = equivalence(values.mean(), values.std(ddof=1), count, target=47.5, margin=1.0)
        above = scipy.stats.ttest_1samp(values, 46.5, alternative="greater").pvalue
        below = scipy.stats.ttest_1samp(values, 48.5, alternative="less").pvalue
        expected = "equivalent" if max(above, below) <= 0.05 else "inconclusive"
        if min(1 - above, 1 - below) < 0.025:
            expected = "different"
        assert found == expected
        seen.add(found)
    assert len(seen) > 1 or spread > 1


def test_one_value_is_no_mean():
    with pytest.raises(ValueError, match="2 values or more, not 1"):
        equivalence(47.5, float("nan"), 1, target=47.5, margin=1.0)
    low, high = scipy.stats.ttest_1samp(A, 0).confidence_interval(0.9)
    assert statistics.mean_margin(A.std(ddof=1), 4, 0.9) == pytest.approx((high - low) / 2)


def test_crossed_differences_worked_by_hand():
    """Seed means 2, 4; part means 1, 3, 5; grand mean 3. MS_seed = 3 x 2, MS_part = 2 x 4, rest -+1, 0, +-1 in four
    cells: 4 / 2 degrees of freedom."""
    differences = np.array([[-1.0, 2.0, 5.0], [3.0, 4.0, 5.0]])
    assert statistics.mean_squares(differences) == pytest.approx((6, 8, 2))
    found = crossed(differences)
    assert found.value == 3 and found.standard_error == pytest.approx((12 / 6) ** 0.5)
    assert found.freedom == pytest.approx(144 / (36 / 1 + 64 / 2 + 4 / 2))
    assert found.margin == pytest.approx(scipy.stats.t.ppf(0.975, 144 / 70) * 2**0.5)


def test_what_crossed_differences_cannot_tell():
    assert crossed(np.array([[1.0, 2.0]])) == Difference(1.5), "one seed"
    seeds = np.array([[1.0], [2.0], [4.0]])
    assert crossed(seeds).p_value == pytest.approx(scipy.stats.ttest_1samp(seeds[:, 0], 0).pvalue), "one part"
    assert crossed(np.ones((3, 2))) == Difference(1.0, 0.0) and crossed(np.ones((3, 2))).p_value == 0


@pytest.mark.parametrize(("seeds", "parts", "most"), [(3, 4, 0.995), (5, 3, 0.99)])
def test_the_interval_over_seeds_and_parts_covers_the_truth(seeds, parts, most):
    """Simulated with these standard deviations of seeds, parts and rest; the truth is zero."""
    for deviations in ((1, 0, 1), (0, 1, 1), (1, 1, 1), (1, 0, 0.2), (0, 1, 0.2), (2, 0.5, 1), (0.5, 2, 1)):
        assert 0.93 <= _covered(seeds, parts, *deviations) <= most, deviations
    assert _covered(seeds, parts, 0, 0, 1) >= 0.95, "too wide where neither matters, never too narrow"


def _covered(seeds, parts, of_seeds, of_parts, rest, worlds=1500):
    random = np.random.default_rng(5)
    drawn = of_seeds * random.normal(size=(worlds, seeds, 1)) + of_parts * random.normal(size=(worlds, 1, parts))
    found = [crossed(each) for each in drawn + rest * random.normal(size=(worlds, seeds, parts))]
    values, errors, freedoms = np.array([(each.value, each.standard_error, each.freedom) for each in found]).T
    return (np.abs(values) <= scipy.stats.t.ppf(0.975, freedoms) * errors).mean()
