"""Panels: one projection three times, one line per seed."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.viz import panels


def test_one_projection_is_shown_by_identity_modality_and_camera():
    labels = {
        "identities": ["s/1", "s/1", "s/2"],
        "modalities": ["visible", "infrared", "visible"],
        "cameras": ["s/1", "s/3", "s/1"],
    }
    picture = panels.projection(np.arange(6.0).reshape(3, 2), **labels)
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in picture.axes]
    assert legends == [["1", "2"], ["visible", "infrared"], ["1", "3"]]
    with pytest.raises(ValueError, match="one of each per image"):
        panels.projection(np.zeros((2, 2)), **labels)


def test_each_seed_is_a_line_and_each_name_one_entry():
    history = pd.DataFrame({"step": [10, 20, 30], "total": [3.0, 2.0, 1.0]})
    picture = panels.training_curves({"real": [history, history], "dive": [history]}, "total", axis="loss")
    axes = picture.axes[0]
    assert len(axes.lines) == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["real", "dive"]
