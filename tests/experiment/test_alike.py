"""Distances are measured on features obtained alike: without mirror images, whatever a method is tested with."""

import pytest
import safetensors.torch
import torch

from vireid_lib.analysis.embedding_spread import spread
from vireid_lib.experiment import alike, measures, studies
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.studies import Row, Study, deen_looks
from vireid_lib.experiment.studies.looks import room

ROWS = [
    Row("flipped", "CAJ, as its release", "caj", {"flip_at_test": True}),
    Row("plain", "CAJ, plain", "caj", {"flip_at_test": False}),
]
STUDY = Study("den", ROWS, ())
DISTANCES = [
    "iirs_visible",
    "iirs_infrared",
    "himd",
    "own_centres",
    "other_centres",
    "intra_distance",
    "inter_distance",
    "delta",
]


@pytest.fixture(scope="module")
def books(tiny_book):
    return {row.name: studies.run_of(tiny_book, row) for row in ROWS}


def stored(run, split=1):
    record = run.evaluate("real", 0)
    return safetensors.torch.load_file(record.folder / f"split_{split}" / stages.FEATURES)["features"]


def test_the_same_network_has_the_same_distances_however_it_is_tested(tiny_book, books):
    """Mirror images are no part of training: the two rows are one network, tested in two ways."""
    measured = studies.measure(tiny_book, STUDY).set_index("row")
    flipped, plain = (measured.loc[name] for name in ("flipped", "plain"))
    assert flipped[DISTANCES].tolist() == pytest.approx(plain[DISTANCES].tolist(), rel=1e-6)
    own = spread(stored(books["flipped"]), tiny_book.data().test())
    assert own["iirs_visible"] < 0.999 * flipped["iirs_visible"], "what the average would have said"
    for name, run in books.items():  # scores are of the method's own features
        assert torch.equal(run.features("real", 0)[0], stored(run)), name
    for of in (measures.embedding_spread, measures.cross_distances):
        values = [list(of(run, "real", 0).values.values()) for run in books.values()]
        assert values[0] == pytest.approx(values[1], rel=1e-6)
    one, other = (measures.separations(run, 0).set_index("training") for run in books.values())
    assert one.loc["real", "separation"] == pytest.approx(other.loc["real", "separation"])


def test_stored_features_serve_where_there_is_no_mirror_image(books):
    found, table = alike.features(books["plain"], "real", 0)
    assert torch.equal(found, stored(books["plain"])) and len(found) == len(table)
    trained = stages.reid(books["plain"], "real", 0)
    made = [record for record in books["plain"].workspace.records() if record.name == "features_alike"]
    assert not [record for record in made if trained.key in record.result["inputs"]["reid"]]
    again, _ = alike.features(books["flipped"], "real", 0)
    assert torch.equal(again, alike.features(books["flipped"], "real", 0)[0])
    torch.testing.assert_close(again, found)
    assert not torch.allclose(again, stored(books["flipped"]), atol=1e-3)


def test_figures_of_distances_and_room_are_alike_too(tiny_book):
    panels = [deen_looks.distances(tiny_book, STUDY, [row.name], seed=0) for row in ROWS]
    for one, other in zip(*(panel.values() for panel in panels), strict=True):  # before training, after it
        for first, second in zip(one, other, strict=True):
            assert first == pytest.approx(second, abs=1e-5)
    planes = room(tiny_book, STUDY, ["flipped", "plain"], seed=0, trained=1, tested=1)
    for one, other in zip(*planes.values(), strict=True):
        torch.testing.assert_close(torch.as_tensor(one.points).abs(), torch.as_tensor(other.points).abs())
