"""The loss playground: its points, its losses by hand, its arrows."""

import numpy as np
import pytest

from vireid_lib import viz as plots
from vireid_lib.viz.explorers import playground


def test_the_points_stand_where_they_are_put():
    points = playground.arrange(apart=4, gap=2, spread=0)
    people, modalities = playground.labels()
    assert points[people.index("A")].tolist() == [-2, 1]
    assert points[5].tolist() == [2, 1] and (people[5], modalities[5]) == ("B", "visible")
    assert points[-1].tolist() == [2, -1] and (people[-1], modalities[-1]) == ("B", "infrared")


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


def test_arrows_are_drawn_for_every_loss():
    points, (people, modalities) = playground.arrange(), playground.labels()
    steps = {"still": np.zeros_like(points), "moving": np.ones_like(points)}
    picture = plots.arrow_panels(points, steps, identities=people, modalities=modalities)
    shown = [axes for axes in picture.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["still", "moving"]
    assert [len(axes.collections) for axes in shown] == [0, 1]
