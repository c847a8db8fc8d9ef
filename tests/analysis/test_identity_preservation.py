"""Nearest-neighbour identification and MD against cases worked out by hand."""

import pytest
import torch

from vireid_lib.analysis.identity_preservation import identify, identity_distance

GALLERY = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.8, 0.6]])
OWNERS = ["a", "b", "c", "b"]


def test_each_identity_counts_once_by_its_nearest_image():
    found = identify(torch.tensor([[1.0, 0.1], [0.7, 0.7], [1.0, 0.0]]), ["a", "b", "c"], GALLERY, OWNERS)
    assert found.rank.tolist() == [1, 1, 3]
    assert found.rank_1 == pytest.approx(2 / 3) and found.chance == pytest.approx(1 / 3)
    assert found.by_identity["identity"].tolist()[0] == "c"
    assert found.by_identity.iloc[0].to_dict() == {"identity": "c", "images": 1, "rank_1": 0.0, "mean_rank": 3.0}


def test_a_collapsed_embedding_does_not_win_by_ties():
    found = identify(torch.ones(2, 2), ["a", "b"], torch.ones(4, 2), OWNERS)
    assert found.rank.tolist() == [3, 3]


EAST, NORTH, WEST = [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]


def test_galleries_are_averaged_over_an_identitys_pairs_and_then_over_shared_identities():
    a, names = torch.tensor([EAST, WEST, NORTH, NORTH]), ["p", "p", "q", "alone"]
    b, others = torch.tensor([EAST, NORTH]), ["p", "q"]
    # p: east to east 0, west to east 2; q: 0
    assert identity_distance(a, names, b, others) == pytest.approx((1 + 0) / 2)
    with pytest.raises(ValueError, match="no identity is in both"):
        identity_distance(a, ["r"] * 4, b, others)
