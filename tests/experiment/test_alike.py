"""Distances are measured on features obtained alike: without mirror images, whatever a method is tested with."""

import pytest
import torch

from vireid_lib.analysis.embedding_spread import pair_distances, spread
from vireid_lib.experiment import measures, studies
from vireid_lib.experiment.studies import Row, Study

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
    values = [list(measures.distances(run, run.evaluate("real", 0)).values.values()) for run in runs]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    pairs = [pair_distances(*run.features("real", 0, plain=True)) for run in runs]
    for first, second in zip(*(each.values() for each in pairs), strict=True):
        assert first == pytest.approx(second, abs=1e-5)
