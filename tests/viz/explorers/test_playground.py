"""The loss playground: its points, its losses by hand, its arrows."""

import numpy as np
import pytest

from vireid_lib.viz.explorers import playground


def test_losses_of_clouds_without_spread_are_those_worked_by_hand():
    """Images of a person and modality lie on one point: the people 3 apart, the modalities 4."""
    found = playground.pushes(playground.arrange(apart=3, gap=4, spread=0), margin=0.5)
    assert found["hard triplet"].value == pytest.approx(4 - 3 + 0.5)
    assert found["hetero-centre triplet"].value == pytest.approx(4 - 3 + 0.5)
    # PE: the other modality's centre is 4 away and every own image 0; NE: 4 against the nearest other centre, 3.
    # Both from either modality's side.
    assert found["IRD: PE + NE (DEN)"].value == pytest.approx(2 * (4 - 0 + 0.5) + 2 * (4 - 3 + 0.5))
    # CPM: the generated embedding lies on the own centre, 4 from the opposite one; the other person is 3 away.
    assert found["CPM (DEEN)"].value == pytest.approx(2 * (4 - 0 - 3 + 0.5))


def test_a_small_step_along_the_arrows_lowers_each_loss():
    points = playground.arrange()
    for name, push in playground.pushes(points).items():
        assert push.value > 0 and np.abs(push.steps).max() > 0, name
        after = playground.pushes(points + 1e-4 * push.steps)[name].value
        expected = push.value - 1e-4 * np.square(push.steps).sum()
        assert after == pytest.approx(expected, abs=1e-6), name
