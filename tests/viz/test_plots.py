"""Plots: every function returns one sharp picture that a notebook shows once."""

import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot, ticker
from matplotlib.figure import Figure

from vireid_lib import viz as plots
from vireid_lib.viz.style import RULES

RANDOM = np.random.default_rng(0)


def image(height=16, width=8):
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def heat():
    return RANDOM.random((4, 2))


SAMPLES = {
    "image_grid": lambda: plots.image_grid([[image(), None], [image()]], row_labels=["a", "b"], title="t"),
    "attention_overlays": lambda: plots.attention_overlays([image()], [{"[p]": heat(), "[k]": heat()}]),
    "bars": lambda: plots.bars({"a": [38.0, 40.2], "b": [42.0]}),
    "distance_hills": lambda: plots.distance_hills(
        {"a": {f"{kind}, across modalities": np.arange(9) / 9 for kind in ("same person", "different people")}}
    ),
    "around": lambda: plots.around({"λ": (0.1, pd.DataFrame({"mean": [40, 41], "std": [1, np.nan]}, [0.1, 1]))}, "t"),
}


def png(figure):
    with io.BytesIO() as file:
        figure.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_plot_is_a_picture_whose_axes_have_names(name):
    figure = SAMPLES[name]()
    assert len(png(figure)) > 2000 and figure.alt and not nameless(figure)


def test_the_style_stays_inside_and_the_picture_is_the_same_again():
    before = matplotlib.rcParams["axes.grid"]
    first, second = (SAMPLES["bars"]() for _ in range(2))
    assert matplotlib.rcParams["axes.grid"] == before != RULES["axes.grid"]
    assert pyplot.get_fignums() == [] and png(first) == png(second)
    assert [text.get_text() for text in first.axes[0].texts] == ["39.1 ± 1.6", "42.0"]


def nameless(picture: Figure) -> list[str]:
    """The axes ("x" or "y") with numbers of which none in the same column or row of panels says what they are."""
    picture.draw_without_rendering()
    drawn = [axes for axes in picture.axes if axes.get_visible() and axes.axison and axes.get_label() != "<colorbar>"]
    found = []
    for axes in drawn:
        for name in "xy":
            beside = [other for other in drawn if _line(other, name) == _line(axes, name)]
            names = [getattr(other, f"{name}axis").get_label_text() for other in beside]
            names += [getattr(figure, f"_sup{name}label", None) for figure in (axes.figure, picture)]
            if _has_numbers(getattr(axes, f"{name}axis")) and not any(names):
                found.append(name)
    return found


def _has_numbers(axis) -> bool:
    words = ticker.FixedFormatter, ticker.FuncFormatter, ticker.NullFormatter  # set_xticks with labels makes the second
    if isinstance(axis.get_major_formatter(), words):
        return False
    return any(tick.label1.get_visible() and tick.label1.get_text() for tick in axis.get_major_ticks())


def _line(axes, name: str):
    place = axes.get_subplotspec()
    return axes if place is None else place.colspan if name == "x" else place.rowspan


def test_differences_fill_only_what_is_established():
    picture = plots.differences(["a", "b", "c"], [2.0, 0.5, 1.0], [1.0, 1.0, np.nan], axis="points")
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] != "white" and faces[1:] == ["white", "white"]
    assert {"+2.0 ± 1.0", "+1.0"} <= {text.get_text() for text in picture.axes[0].texts}
    picture = plots.differences(["a", "b"], [2.0, 3.0], [1.0, 1.0], axis="points", established=[False, True])
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] == "white" != faces[1], "a corrected verdict overrules the interval"
