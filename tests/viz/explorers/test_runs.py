"""The run comparer names what differs between runs, and draws the scores of the records."""

import numpy as np
import pytest
from made_up_scores import record, score

from vireid_lib import experiment
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.results import over_seeds, score_table
from vireid_lib.viz.explorers import runs


@pytest.fixture
def named(tmp_path):
    """Call it with scores: the runs, under their names."""
    return lambda *rows: runs.runs(over_seeds(score_table(record(Cache(tmp_path), *rows))))


@pytest.fixture
def table(named):
    return named(score(0.30), score(0.40, seed=1), score(0.5, training="dive", external="mini_market"))


def test_only_what_differs_is_in_a_name(named, table):
    """Settings by what sets them apart from most runs, and not by all that was not published."""
    assert table.index.tolist() == ["real images only", "DiVE"]
    plain = {"reid.config.steps": 60, "reid.config.identities": 8}
    own = [{"resolved": plain}, {"resolved": plain | {"reid.config.identities": 4}}, {"mode": "indoor"}]
    rows = [score(0.3, **({"resolved": plain} | each)) for each in own]
    assert named(*rows, score(0.3, method="deen")).index.tolist() == [
        "real images only, agw, all",
        "real images only, agw, all, reid.config.identities = 4",
        "real images only, agw, indoor",
        "real images only, deen, all",
    ]


def test_bars_whiskers_and_numbers_are_those_of_the_records(table):
    left, right = runs.comparison(table).axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([35, 50])
    (whisker,) = left.collections[0].get_segments()
    assert whisker[:, 0] == pytest.approx([35 - 50**0.5, 35 + 50**0.5])
    texts = [text.get_text() for text in right.texts]
    assert texts[:3] == ["rank-1", f"35.0 ± {np.std([30, 40], ddof=1):.1f}", "50.0"]
    assert texts[-3:] == ["trials", "10", "10"] and left.get_xlabel().startswith("rank-1 (%)")


def test_a_workspace_without_scores_says_so(tmp_path, capsys):
    runs.compare_runs(experiment.open("smoke", tmp_path))
    assert capsys.readouterr().out == "No scores in this workspace yet.\n"
