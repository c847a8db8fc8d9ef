"""Plots: every function returns one sharp picture that a notebook shows once."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from vireid_lib import viz as plots

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
def test_every_plot_is_a_picture_that_says_what_it_shows(name):
    figure = SAMPLES[name]()
    assert len(png(figure)) > 2000 and figure.alt


def test_a_picture_is_shown_once_and_is_the_same_again():
    first, second = (SAMPLES["bars"]() for _ in range(2))
    assert pyplot.get_fignums() == [] and png(first) == png(second)
    assert [text.get_text() for text in first.axes[0].texts] == ["39.1 ± 1.6", "42.0"]


def test_differences_fill_only_what_is_established():
    picture = plots.differences(["a", "b", "c"], [2.0, 0.5, 1.0], [1.0, 1.0, np.nan], axis="points")
    assert filled(picture) == [True, False, False]
    assert {"+2.0 ± 1.0", "+1.0"} <= {text.get_text() for text in picture.axes[0].texts}
    picture = plots.differences(["a", "b"], [2.0, 3.0], [1.0, 1.0], axis="points", established=[False, True])
    assert filled(picture) == [False, True], "a corrected verdict overrules the interval"


def filled(picture):
    return [line.get_markerfacecolor() != "white" for line in picture.axes[0].lines if line.get_marker() == "o"]
