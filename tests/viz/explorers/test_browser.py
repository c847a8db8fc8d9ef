"""The data set browser shows what its filters leave, and says how much that is."""

import pytest

from vireid_lib.viz.explorers import browser


def test_filters_leave_what_they_say(table):
    everything = browser.sheet(table, people=3)
    assert everything.alt == "everything\n40 images of 5 people; shown: 1 to 3"
    assert sum(bool(axes.images) for axes in everything.axes) == 3 * 4
    infrared = browser.sheet(table, modality="infrared", camera="set/6", each=2, first=4, people=3)
    assert infrared.alt.split("\n", 1)[0] == "modality infrared, camera 6"
    assert " ".join(infrared.alt.split()).endswith("10 images of 5 people; shown: 3 to 5")
    assert sum(bool(axes.images) for axes in infrared.axes) == 3 * 2


def test_filters_that_leave_nothing_say_so(table):
    with pytest.raises(ValueError, match="No image has modality visible, camera 6: take a filter back"):
        browser.sheet(table, modality="visible", camera="set/6")


def test_a_camera_of_both_modalities_is_two(table):
    both = table.assign(camera="set/1")
    chosen = browser.sheet(both, camera="set/1 visible", people=3)
    assert chosen.alt.startswith("camera 1 visible\n20 images")
    assert sum(bool(axes.images) for axes in browser.sheet(both, people=3).axes) == 3 * 2
