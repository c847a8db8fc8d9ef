"""People drawn twice: same pose, two lights; the law between luminance and infrared shows in their materials."""

import numpy as np
import pytest

from vireid_lib.miniworld.people import INFRARED_CORRELATION
from vireid_lib.miniworld.twins import materials, telling_people, twins


def test_people_have_the_fates_that_were_asked_for_and_are_all_different():
    fates = ["kept", "faded", "inverted", "kept", "plain"]
    people = telling_people(fates)
    kinds = ["plain" if p.upper.pattern == "plain" else p.upper.pattern_infrared for p in people]
    assert kinds == fates and len(set(map(id, people))) == 5
    with pytest.raises(ValueError, match="'gone'"):
        telling_people(["gone"])


def test_infrared_is_grey_and_has_the_same_outline():
    visible, infrared = twins(telling_people(["plain", "kept"]), height=64, width=32)
    assert visible.shape == infrared.shape == (2, 64, 32, 3)
    assert (infrared.max(-1) == infrared.min(-1)).all()
    assert (visible.max(-1).astype(int) - visible.min(-1)).mean() > 2


def test_materials_follow_the_worlds_law_only_in_part():
    table = materials(300)
    correlation = np.corrcoef(table["luminance"], table["infrared"])[0, 1]
    slope = np.polyfit(table["luminance"], table["infrared"], 1)[0]
    assert 0.6 < correlation < 0.98
    assert slope == pytest.approx(INFRARED_CORRELATION, abs=0.08)
