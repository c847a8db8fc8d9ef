"""What is measured of a study's rows: distances on features obtained alike, differences paired by split."""

import numpy as np
import pytest
import scipy.stats
import torch

from vireid_lib.analysis.embedding_spread import spread
from vireid_lib.experiment import claims, results, studies
from vireid_lib.experiment.studies import Claim, Row, Study

ROWS = [Row(name, name, "caj", {"flip_at_test": name == "flipped"}) for name in ("flipped", "plain")]
STUDY = Study("den", ROWS, ())
DISTANCES = ["iirs_visible", "iirs_infrared", "himd", "own_centres", "other_centres", "intra_distance", "delta"]


def test_the_same_network_has_the_same_distances_however_it_is_tested(tiny_book):
    """Mirror images are no part of training: the two rows are one network, tested in two ways."""
    measured = studies.measure(tiny_book, STUDY).set_index("row")
    flipped, plain = (measured.loc[name] for name in ("flipped", "plain"))
    assert flipped[DISTANCES].tolist() == pytest.approx(plain[DISTANCES].tolist(), rel=1e-6)
    runs = [studies.run_of(tiny_book, row) for row in ROWS]
    of_images, tested = ([run.features("real", 0, plain=each)[0] for run in runs] for each in (True, False))
    torch.testing.assert_close(*of_images)
    assert torch.equal(of_images[1], tested[1]) and not torch.allclose(of_images[0], tested[0], atol=1e-3)
    average = spread(tested[0], tiny_book.data().test())
    assert average["iirs_visible"] < 0.999 * flipped["iirs_visible"], "what the average would have said"


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
        evaluations = [record.values["evaluations"][mode] for record in (copies, real)]
        trials = [[trial["mean_ap"] for trial in each["trials"]] for each in evaluations]
        assert [len(each) for each in trials] == [2, 2]
        assert found.over == "2 splits" and found.verdict != "one seed only"
        expected = scipy.stats.ttest_rel(*trials)
        assert found.difference == pytest.approx(100 * (np.mean(trials[0]) - np.mean(trials[1])))
        assert found.p == pytest.approx(expected.pvalue)
        assert "over 2 splits" in found.words


def test_claims_are_judged_over_splits(run, records):
    rows = [Row("real", "real", "agw"), Row("grayscale", "grayscale", "agw", training="grayscale")]
    asked = [Claim("copies help", "", each, "grayscale", "real") for each in ("mean_ap", "iirs_visible")]
    own = Study("den", rows, asked)
    measured = studies.measure(run, own, training=False)
    for found in claims.judge(measured, own.claims).itertuples():
        assert found.over == "2 splits" and found.verdict != "one seed only" and "over 2 splits" in found.words
    first = measured[measured["mode"] == "visible-to-infrared"].set_index("row")
    for _, row in first.iterrows():
        for measure in ("mean_ap", "iirs_visible"):
            assert row[measure] == pytest.approx(np.mean(list(row["splits"][measure].values())))
        assert len(set(row["splits"]["iirs_visible"].values())) == 2, "each split has a network and people of its own"
