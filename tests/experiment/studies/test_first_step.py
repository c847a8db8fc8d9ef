"""What a study's by-hand code computes on: a method before its first step, a small batch, features by row."""

import torch

from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import Row, Study
from vireid_lib.experiment.study import run_of

BASE = Row("base", "Base", "baseline")


def test_a_training_starts_from_the_same_weights_each_time(tiny_book):
    own = run_of(tiny_book, BASE)
    state = torch.get_rng_state()
    one, same, other = (studies.untrained(own, seed).network.state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_first_batch_pairs_the_modalities(tiny_book):
    own = run_of(tiny_book, BASE)
    batch, rows = studies.first_batch(own, identities=2, images=3)
    assert torch.equal(batch.visible_labels, batch.infrared_labels) and len(batch.visible) == len(batch.infrared) == 6
    assert rows["modality"].tolist() == ["visible"] * 6 + ["infrared"] * 6
    assert rows.groupby(["identity", "modality"]).size().tolist() == [3] * 4
    learn = own.data().train_rows()
    assert (
        learn["path"].iloc[torch.cat((batch.visible_rows, batch.infrared_rows)).numpy()].tolist()
        == rows["path"].tolist()
    )
    assert torch.equal(batch.visible, studies.first_batch(own, identities=2, images=3)[0].visible)
    terms = studies.untrained(own, 0).loss(studies.untrained(own, 0).augment(batch))
    assert terms["total"].isfinite()


def test_features_by_the_rows_labels(tiny_book):
    found = studies.features_of(tiny_book, Study("den", [BASE], ()), ["base"], seed=0)
    assert torch.equal(found["Base"], run_of(tiny_book, BASE).features("real", 0)[0])
