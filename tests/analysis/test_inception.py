"""Inception-v3: the published number of parameters, the field's names, its two ways of pooling."""

import numpy as np
import pytest
import torch

from vireid_lib.analysis.inception import InceptionV3


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return InceptionV3(1000).eval()


def test_it_has_the_published_size_and_names(network):
    # torchvision prints 27,161,264 parameters; 3,326,696 of them are the auxiliary classifier's.
    assert sum(parameter.numel() for parameter in network.parameters()) == 27_161_264 - 3_326_696
    names = network.state_dict()
    assert names["Mixed_6c.branch7x7dbl_4.conv.weight"].shape == (160, 160, 7, 1)
    assert names["Mixed_7c.branch3x3dbl_3b.bn.running_var"].shape == (384,)
    assert names["Mixed_5b.branch_pool.conv.weight"].shape == (32, 192, 1, 1)


def test_features_are_2048_numbers_whatever_the_size_and_the_batch(network):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 32, 3), dtype=np.uint8)
    found = network.features(pixels, batch=2)
    assert found.shape == (3, 2048) and np.isfinite(found).all()
    np.testing.assert_allclose(found[:1], network.features(pixels[:1]), rtol=1e-3, atol=1e-4)


def test_the_original_network_pools_without_padding_and_takes_the_largest_last():
    pooled = {"original": [], "later": []}
    for found, classes in zip(pooled.values(), (1008, 1000), strict=True):
        network = InceptionV3(classes).eval()
        for block, inside in (("Mixed_5b", 192), ("Mixed_7c", 2048)):
            seen = []
            getattr(network, block).branch_pool.forward = lambda x, seen=seen: (seen.append(x), x)[1]
            ramp = torch.arange(16.0).reshape(1, 1, 4, 4).expand(1, inside, 4, 4)
            with torch.no_grad():
                getattr(network, block)(ramp)
            found.append(seen[0][0, 0, 0, 0].item())  # the corner sees 0, 1, 4, 5 and five padded places
    assert pooled == {"original": [2.5, 5.0], "later": pytest.approx([10 / 9, 10 / 9])}
