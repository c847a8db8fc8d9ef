"""Panels of distances with their means, panels of scores over a setting's values."""

import numpy as np
import pandas as pd

from vireid_lib.viz import distance_panels, sweeps


def test_each_network_has_a_panel_with_its_delta():
    random = np.random.default_rng(0)
    pairs = {
        name: (random.normal(0.4, 0.1, 200), random.normal(0.4 + step, 0.1, 200))
        for name, step in (("baseline", 0.2), ("DEEN", 0.4))
    }
    picture = distance_panels(pairs)
    for axes, (name, (same, different)) in zip(picture.axes, pairs.items(), strict=True):
        assert axes.get_ylabel() == name
        assert f"δ = {different.mean() - same.mean():.3f}" in [text.get_text() for text in axes.texts]
    assert picture.png()[:4] == b"\x89PNG"


def test_values_are_even_steps_and_the_papers_is_filled():
    table = pd.DataFrame(
        {"value": [0.8, 0.01, 5.0], "mean": [3.0, 1.0, 2.0], "std": [0.1, np.nan, 0.2], "paper": [True, False, False]}
    )
    picture = sweeps({"λ1": table, "α": table}, y="rank-1 (%)")
    axes = picture.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.01", "0.8", "5"]
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert [face != "white" for face in faces] == [False, True, False]
    assert picture.png()[:4] == b"\x89PNG"
