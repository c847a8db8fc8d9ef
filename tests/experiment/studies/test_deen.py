"""What DEEN's study shows: curves over its settings, pair mining, distances, LLCM's two readings."""

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.experiment.studies import deen_looks
from vireid_lib.experiment.studies.deen import STUDY, SWEEPS, sweep_row
from vireid_lib.experiment.study import run_of


def test_curves_join_the_values_that_were_trained():
    setting, (symbol, values) = next(iter(SWEEPS.items()))
    rows = {"deen": [50.0, 52.0], sweep_row(setting, values[0]): [40.0, 44.0]}
    measured = pd.DataFrame(
        [{"row": name, "mode": "all", "rank_1": value} for name, found in rows.items() for value in found]
    )
    curves = deen_looks.sweep_curves(STUDY, measured)
    assert list(curves) == [symbol]
    table = curves[symbol].set_index("paper")
    assert table.loc[True, "mean"] == 51 and table.loc[True, "value"] == 0.8
    assert table.loc[False, "mean"] == 42 and table.loc[False, "value"] == values[0]
    assert deen_looks.sweep_curves(STUDY, measured[measured["row"] == "deen"]) == {}


def test_pair_mining_is_content_before_the_infrared_centre():
    for form, zero in (("paper", 0.3), ("release", 0.6)):
        places, values = deen_looks.pair_mining_curves()[form]
        at = dict(zip(places, values, strict=True))
        assert at[zero] == pytest.approx(0, abs=1e-6) and at[round(zero - 0.1, 1)] > 0.05


def test_distances_and_readings_of_trained_networks(tiny_book):
    panels = deen_looks.distances(tiny_book, STUDY, ["base"], seed=0)
    assert list(panels) == ["initial", "baseline"]
    assert all(len(part) and (0 <= part).all() and (part <= 2).all() for pair in panels.values() for part in pair)
    initial = deen_looks.initial_features(tiny_book, STUDY, "base", 0)
    assert torch.equal(initial, deen_looks.initial_features(tiny_book, STUDY, "base", 0))
    trained, _ = run_of(tiny_book, STUDY.row("base")).features("real", 0)
    assert initial.shape == trained.shape and not torch.allclose(initial, trained)
    table = deen_looks.llcm_readings(tiny_book, STUDY, "base")
    assert table.index.tolist() == [
        ("infrared-to-visible", "both"),
        ("visible-to-infrared", "paper"),
        ("visible-to-infrared", "release"),
    ]
    paper, release = (table.loc[("visible-to-infrared", reading)] for reading in ("paper", "release"))
    assert (paper["queries"], paper["gallery"]) == (release["gallery"], release["queries"])
    assert np.all([0 <= float(value) <= 100 for value in table["rank-1"]])
