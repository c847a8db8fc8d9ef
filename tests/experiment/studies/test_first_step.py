"""A study's method before its first step: the same weights each time."""

import torch

from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import Row
from vireid_lib.experiment.study import run_of

BASE = Row("base", "Base", "baseline")


def test_a_training_starts_from_the_same_weights_each_time(tiny_book):
    own = run_of(tiny_book, BASE)
    state = torch.get_rng_state()
    one, same, other = (studies.untrained(own, seed).network.state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
