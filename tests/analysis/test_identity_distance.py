"""MD by hand: pairs, and galleries in which nobody knows the pairs."""

import pytest
import torch

from vireid_lib.analysis.identity_preservation import identity_distance, paired_distance

EAST, NORTH, WEST = [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]


def test_pairs_are_compared_at_unit_length():
    a, b = torch.tensor([EAST, EAST, EAST]), torch.tensor([[9.0, 0.0], NORTH, WEST])
    assert paired_distance(a, b) == pytest.approx((0 + 2**0.5 + 2) / 3)
    with pytest.raises(ValueError, match="a partner for each row"):
        paired_distance(a, b[:2])


def test_galleries_are_averaged_over_an_identitys_pairs_and_then_over_shared_identities():
    a, names = torch.tensor([EAST, WEST, NORTH, NORTH]), ["p", "p", "q", "alone"]
    b, others = torch.tensor([EAST, NORTH]), ["p", "q"]
    # p: east to east 0, west to east 2; q: 0
    assert identity_distance(a, names, b, others) == pytest.approx((1 + 0) / 2)
    with pytest.raises(ValueError, match="no identity is in both"):
        identity_distance(a, ["r"] * 4, b, others)
