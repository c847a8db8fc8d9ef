"""Precision, recall, density, coverage: by hand, against the reference implementation, at their known expectations."""

import numpy as np
import prdc
import pytest

from vireid_lib.analysis.fidelity import Manifold, manifold


def test_a_case_worked_by_hand():
    """On a line with k = 1: real balls [-1, 1], [0, 2], [1.., 9 each side of 10] = 0±1, 1±1, 10±9."""
    real, synthetic = np.array([[0.0], [1], [10]]), np.array([[0.5], [-3.0], [12]])
    # synthetic 0.5 lies in two real balls, -3 in none, 12 in one: precision 2/3, density (2 + 0 + 1) / 3.
    # synthetic balls: 0.5 ± 3.5 holds 0 and 1; -3 ± 3.5 holds 0; 12 ± 11.5 holds 1 and 10: recall 1.
    # every real ball holds a synthetic point: coverage 1.
    assert manifold(real, synthetic, k=1) == Manifold(precision=2 / 3, recall=1.0, density=1.0, coverage=1.0)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_it_agrees_with_the_reference_implementation(k):
    rng = np.random.default_rng(k)
    real, synthetic = rng.normal(size=(90, 5)), rng.normal(0.4, 0.7, size=(70, 5))
    found = vars(manifold(real, synthetic, k=k))
    assert found == pytest.approx(prdc.compute_prdc(real, synthetic, nearest_k=k))


def test_two_samples_of_one_distribution_have_density_one_and_the_expected_coverage():
    rng = np.random.default_rng(0)
    found = manifold(rng.normal(size=(1500, 8)), rng.normal(size=(1500, 8)), k=5)
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)  # Naeem et al., lemma 2


def test_collapse_costs_recall_and_coverage_and_rubbish_costs_precision_and_density():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 4))
    collapsed = manifold(real, 0.01 * rng.normal(size=(200, 4)))
    rubbish = manifold(real, rng.normal(20, 1, size=(200, 4)))
    assert collapsed.precision == 1 and collapsed.recall < 0.05 and collapsed.coverage < 0.5
    assert rubbish == Manifold(0, 0, 0, 0)


def test_measures_carry_their_basis_and_bad_input_is_refused():
    rng = np.random.default_rng(2)
    found = manifold(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)))
    told = found.measures(extractor="a network", resize="64x32", images=(9, 9))
    assert [each.name for each in told] == ["precision", "recall", "density", "coverage"]
    assert str(told[0]).endswith("(N = 9 and 9; a network; 64x32; k = 5)")
    with pytest.raises(ValueError, match="more than k = 5"):
        manifold(np.zeros((5, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="not finite"):
        manifold(np.full((9, 2), np.inf), np.zeros((9, 2)))
