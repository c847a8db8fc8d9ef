"""Charts: they draw what they were given, also at the edges."""

import numpy as np

from vireid_lib import viz as plots


def _texts(picture):
    return [text.get_text() for axes in picture.axes for text in axes.texts]


def test_differences_fill_only_what_is_established():
    picture = plots.differences(["a", "b", "c"], [2.0, 0.5, 1.0], [1.0, 1.0, np.nan], axis="points")
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] != "white" and faces[1:] == ["white", "white"]
    assert {"+2.0 ± 1.0", "+1.0"} <= set(_texts(picture))
    picture = plots.differences(["a", "b"], [2.0, 3.0], [1.0, 1.0], axis="points", established=[False, True])
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] == "white" != faces[1], "a corrected verdict overrules the interval"
