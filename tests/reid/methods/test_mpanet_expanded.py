"""MPANet on real and generated images apart: each kind in its own head, both heads side by side."""

import pandas as pd
import pytest
import torch

from vireid_lib.reid import methods
from vireid_lib.reid.methods.mpanet import MpanetConfig
from vireid_lib.reid.methods.mpanet_expanded import MpanetExpandedConfig

MIXED = [False, True, True, False, True, True, False, False]  # of each modality's images, which are real


def build(real: list[bool], **changes: object):
    """The method, knowing of a table of as many rows."""
    torch.manual_seed(0)
    method = methods.build("mpanet_expanded", MpanetExpandedConfig.small(**changes), 4)
    method.start_training(pd.DataFrame({"source": ["real" if each else "flow2flow" for each in real]}))
    return method


def gradients(method, batch, wanted: str) -> dict[str, float]:
    """How much a kind's own terms pull at each part of the network."""
    method.network.zero_grad()
    losses = method.loss(batch)
    sum(value for name, value in losses.items() if name.startswith(wanted)).backward()
    parts = {"backbone": 0.0, "generated": 0.0, "real": 0.0}
    for name, parameter in method.network.named_parameters():
        if parameter.grad is not None:
            part = name.split(".")[0]
            parts[part if part in parts else "real"] += float(parameter.grad.abs().sum())
    return parts


def test_real_and_generated_images_never_meet_in_a_head(random_batch):
    method, given = build(MIXED), random_batch()
    before = method.loss(given)
    given.visible[torch.tensor(MIXED)] = 0.5  # the real images look otherwise; the backbone's batch norm notices
    changed = gradients(method, given, "identity")
    assert changed["real"] > 0 and changed["backbone"] > 0 and changed["generated"] == 0
    changed = gradients(method, given, "generated_identity")
    assert changed["generated"] > 0 and changed["backbone"] > 0 and changed["real"] == 0
    assert before["identity"] > 0 and "generated_identity" in before


def test_an_image_is_described_by_both_heads_side_by_side(random_batch):
    network, images = build(MIXED).network.eval(), random_batch().infrared
    maps = network.feature_map(images, "infrared")
    found, width = network.features(images, "infrared"), network.width
    assert found.shape == (8, 2 * width)
    torch.testing.assert_close(found[:, :width], network.bottleneck(network.pool(maps)))
    torch.testing.assert_close(found[:, width:], network.generated.bottleneck(network.generated.pool(maps)))
    assert not torch.allclose(found[:, :width], found[:, width:])


def test_without_generated_rows_in_a_batch_it_is_mpanet(random_batch):
    expanded = build([True] * 8 + [False])
    plain = methods.build("mpanet", MpanetConfig.small(), 4)
    own = {name: value for name, value in expanded.network.state_dict().items() if not name.startswith("generated.")}
    plain.network.load_state_dict(own)
    ours, theirs = expanded.loss(random_batch()), plain.loss(random_batch())
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("real", [[False] * 4 + [True] * 4, [True] * 7 + [False], [False] * 2 + [True] * 6])
def test_a_kind_may_lack_a_modality_or_be_rare(random_batch, real):
    """Expanding visible images alone leaves the other head without infrared ones; one identity cannot be told apart."""
    method, given = build(real + [True] * 8), random_batch()
    given.infrared_rows = given.visible_rows + 8
    losses = method.loss(given)
    losses["total"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    grads = [parameter.grad for parameter in method.network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(grad).all() for grad in grads)
    assert ("generated_identity" in losses) == (real.count(False) > 2)
