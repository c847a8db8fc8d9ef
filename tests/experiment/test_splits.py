"""A data set with splits, from its folder to the verdicts: a network for each split, differences paired by split."""

import numpy as np
import pytest
import scipy.stats

from vireid_lib.experiment import claims, results, studies
from vireid_lib.experiment.studies import Claim, Row, Study


@pytest.fixture(scope="module")
def run(open_real):
    """RegDB with two splits of its people, and an external set."""
    return open_real("regdb", modes=2, config={"steps": 2, "identities": 2, "images": 2})


@pytest.fixture(scope="module")
def records(run):
    """A training on each training set."""
    return [run.evaluate(name, 0) for name in ("real", "grayscale")]


def test_one_seed_on_several_splits_is_compared_over_splits(run, records):
    real, copies = records
    scores = results.score_table(records)
    for mode in run.profile.evaluation.modes:
        (found,) = claims.compare(scores, "mean_ap", mode=mode).itertuples()
        trials = [
            [trial["mean_ap"] for trial in record.values["evaluations"][mode]["trials"]] for record in (copies, real)
        ]
        assert [len(each) for each in trials] == [2, 2]
        assert found.over == "2 splits" and found.verdict != "one seed only"
        expected = scipy.stats.ttest_rel(*trials)
        assert found.difference == pytest.approx(100 * (np.mean(trials[0]) - np.mean(trials[1])))
        assert found.p == pytest.approx(expected.pvalue)
        assert "over 2 splits" in found.words


def test_claims_are_judged_over_splits(run, records):
    rows = [Row("real", "real", "agw"), Row("grayscale", "grayscale", "agw", training="grayscale")]
    own = Study(
        "den", rows, [Claim("copies help", "", each, "grayscale", "real") for each in ("mean_ap", "iirs_visible")]
    )
    measured = studies.measure(run, own, training=False)
    for found in claims.judge(measured, own.claims).itertuples():
        assert found.over == "2 splits" and found.verdict != "one seed only" and "over 2 splits" in found.words
    first = measured[measured["mode"] == "visible-to-infrared"].set_index("row")
    for _, row in first.iterrows():
        for measure in ("mean_ap", "iirs_visible"):
            assert row[measure] == pytest.approx(np.mean(list(row["splits"][measure].values())))
        assert len(set(row["splits"]["iirs_visible"].values())) == 2, "each split has a network and people of its own"
