"""Seeds: a pure function of the keys."""

import torch

from vireid_lib.training import seeds


def test_pinned_value_and_independence_of_keys():
    assert seeds.integer(0, "augment", 3) == seeds.integer(0, "augment", 3) < 2**63
    numbers = {seeds.integer(*keys) for keys in [(0,), (1,), (0, 0), (0, "0"), (0, 1, 2), (0, 12), (0, 2, 1)]}
    assert len(numbers) == 7


def test_generators_repeat_and_leave_global_state():
    before = torch.get_rng_state()
    first = torch.rand(5, generator=seeds.generator(1, "a"))
    assert torch.equal(first, torch.rand(5, generator=seeds.generator(1, "a")))
    assert not torch.equal(first, torch.rand(5, generator=seeds.generator(1, "b")))
    assert torch.equal(torch.get_rng_state(), before)
