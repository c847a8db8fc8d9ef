"""DEEN: each of its settings gives a network that trains."""

import pytest
import torch

from vireid_lib.reid import methods
from vireid_lib.reid.methods.deen import DeenConfig

ALL = {"identity", "triplet", "cpm", "orthogonal"}


@pytest.mark.parametrize(
    ("changes", "branches", "terms"),
    [
        ({}, 3, ALL),
        ({"branches": 1}, 1, {"identity", "triplet"}),
        ({"branches": 2}, 2, ALL - {"orthogonal"}),
        ({"branches": 4}, 4, ALL),
        ({"cpm_weight": 0.0}, 3, ALL - {"cpm"}),
        ({"orthogonal_weight": 0.0}, 3, ALL - {"orthogonal"}),
        *[({"expand_after": stage}, 3, ALL) for stage in (0, 1, 2, 4)],
        ({"aggregation": "non_local"}, 3, ALL),
        ({"aggregation": "none"}, 3, ALL),
        ({"stages": 3, "expand_after": 2}, 3, ALL),
        ({"gem": True}, 3, ALL),
    ],
)
def test_each_knob_gives_a_network_that_trains(changes, branches, terms, random_batch):
    method = methods.build("deen", DeenConfig.small(**changes), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == terms | {"total", "accuracy"}
    losses["total"].backward()
    used = [p for p in method.network.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in used)
    network = method.network.eval()
    images = random_batch().visible
    features = network.features(images, "visible")
    assert features.shape == (8, 2 * branches * 192)
    torch.testing.assert_close((features**2).sum(dim=1), torch.full((8,), 2.0 * branches))
    assert network.feature_map(images, "visible").shape == (8, branches * 96, 8, 4)
