"""The run comparer names what differs between runs, and draws the scores of the records."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib import experiment
from vireid_lib.experiment.results import METRICS, over_seeds
from vireid_lib.viz.explorers import runs


def score(training, seed, rank_1, **changes):
    row = {
        "dataset": "mini_vi",
        "mode": "all",
        "protocol": "all-search",
        "method": "agw",
        "training": training,
        "external": None if training == "real" else "mini_market",
        "variant": "",
        "seed": seed,
        "trials": 10,
        "settings": {},
        "older": False,
    }
    return {**row, **dict.fromkeys(METRICS, 0.5), "rank_1": rank_1, **changes}


@pytest.fixture
def table():
    rows = [score("real", 0, 0.30), score("real", 1, 0.40), score("dive", 0, 0.5)]
    return runs.runs(over_seeds(pd.DataFrame(rows)))


def test_only_what_differs_is_in_a_name(table):
    assert table.index.tolist() == ["real images only", "DiVE"]
    rows = [
        score("real", 0, 0.3),
        score("real", 0, 0.3, method="deen", variant="no PE"),
        score("real", 0, 0.3, mode="indoor", protocol="indoor-search"),
    ]
    more = runs.runs(over_seeds(pd.DataFrame(rows)))
    assert more.index.tolist() == [
        "real images only, agw, all",
        "real images only, deen, all, no PE",
        "real images only, agw, indoor",
    ]


def test_runs_with_other_settings_are_named_by_them():
    """By what sets them apart from most runs, and not by all that was not published."""
    plain = {"reid.config.steps": 60, "reid.config.identities": 8}
    halves = plain | {"reid.config.identities": 4}
    rows = [
        score("real", 0, 0.3, variant="a", resolved=plain),
        score("real", 0, 0.3, variant="b", resolved=halves),
        score("real", 0, 0.3, variant="a", resolved=plain, mode="indoor", protocol="indoor-search"),
    ]
    assert runs.runs(over_seeds(pd.DataFrame(rows))).index.tolist() == [
        "real images only, all",
        "real images only, all, reid.config.identities = 4",
        "real images only, indoor",
    ]


def test_bars_whiskers_and_numbers_are_those_of_the_records(table):
    left, right = runs.comparison(table).axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([35, 50])
    (whisker,) = left.collections[0].get_segments()
    assert whisker[:, 0] == pytest.approx([35 - 50**0.5, 35 + 50**0.5])
    texts = [text.get_text() for text in right.texts]
    assert texts[:3] == ["rank-1", f"35.0 ± {np.std([30, 40], ddof=1):.1f}", "50.0"]
    assert texts[-3:] == ["trials", "10", "10"] and left.get_xlabel().startswith("rank-1 (%)")


def test_a_workspace_without_scores_says_so(tmp_path, shown):

    runs.compare_runs(experiment.open("smoke", tmp_path))
    assert shown[0].alt == "No scores in this workspace yet."
