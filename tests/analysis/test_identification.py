"""Nearest-neighbour identification against cases worked out by hand."""

import numpy as np
import pytest
import torch

from vireid_lib.analysis.identity_preservation import identify, nearest

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


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="'z' is asked for"):
        identify(torch.ones(1, 2), ["z"], GALLERY, OWNERS)
    with pytest.raises(ValueError, match="not finite"):
        identify(torch.full((1, 2), torch.nan), ["a"], GALLERY, OWNERS)


def test_nearest_names_row_and_distance():
    rows, distances = nearest(torch.tensor([[0.0, 2.0], [4.0, 3.0]]), GALLERY)
    assert rows.tolist() == [1, 3]
    np.testing.assert_allclose(distances, [0, 0], atol=1e-6)
