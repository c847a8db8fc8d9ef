"""MMD-ReID: its loss and its test feature."""

import pytest
import torch

from vireid_lib.reid import methods
from vireid_lib.reid.losses.divergences import margin_mmd, maximum_mean_discrepancy
from vireid_lib.reid.losses.triplets import hetero_centre_triplet
from vireid_lib.reid.methods.mmd_reid import MmdReidConfig


@pytest.mark.parametrize("discrepancy", ["margin_mmd", "mmd", "none"])
def test_terms_are_weighted(discrepancy, random_batch):
    method = methods.build("mmd_reid", MmdReidConfig.small(discrepancy=discrepancy), 4)
    batch = method.augment(random_batch())
    losses = method.loss(batch)
    pooled = method.network(batch.visible, batch.infrared).pooled
    rows, labels = pooled.chunk(2), (batch.visible_labels, batch.infrared_labels)
    expected = {"hetero_centre_triplet": 2.0 * hetero_centre_triplet(*rows, *labels, margin=0.3)}
    if discrepancy == "margin_mmd":
        expected["margin_mmd"] = 0.25 * margin_mmd(*rows, *labels, margin=1.4)
    elif discrepancy == "mmd":
        expected["mmd"] = 0.25 * maximum_mean_discrepancy(*rows)
    assert losses.keys() == {"total", "identity", "accuracy", *expected}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_the_test_feature_may_stand_before_the_neck(random_batch):
    method = methods.build("mmd_reid", MmdReidConfig.small(test_feature="pooled"), 4)
    network, images = method.network.eval(), method.augment(random_batch()).visible
    network.bottleneck.running_mean += 1  # so that the neck does something
    found = network.features(images, "visible")
    plain = methods.build("mmd_reid", MmdReidConfig.small(), 4).network.eval()
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(plain.features(images, "visible"), network.bottleneck(found))
    assert not torch.equal(plain.features(images, "visible"), found)
