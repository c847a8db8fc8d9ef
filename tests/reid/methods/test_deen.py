"""DEEN: each of its settings, its augmentation, its forms, its features."""

from collections.abc import Callable

import pytest
import torch

from vireid_lib.data.augment import IMAGENET_MEAN, IMAGENET_STD
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
def test_each_knob_gives_a_network_that_trains(
    changes: dict, branches: int, terms: set, random_batch: Callable
) -> None:
    method = methods.build("deen", DeenConfig.small(**changes), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == terms | {"total", "accuracy"}
    assert losses["total"].item() == pytest.approx(sum(losses[name].item() for name in terms), rel=1e-5)
    losses["total"].backward()
    used = [p for p in method.network.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in used)
    network = method.network.eval()
    images = random_batch().visible
    features = network.features(images, "visible")
    assert features.shape == (8, 2 * branches * 192)
    torch.testing.assert_close((features**2).sum(dim=1), torch.full((8,), 2.0 * branches))
    assert network.feature_map(images, "visible").shape == (8, branches * 96, 8, 4)


def test_augmentation_is_the_configurations(random_batch: Callable) -> None:
    plain = methods.build("deen", DeenConfig.small(erasing=0.0, channel_exchange=0.0), 4).augment(random_batch())
    config = DeenConfig.small(form="release", grey=1.0, channel_exchange=0.0, erasing=1.0)
    release = methods.build("deen", config, 4).augment(random_batch())
    again = methods.build("deen", config, 4).augment(random_batch())
    assert torch.equal(release.visible, again.visible)
    filled = torch.tensor(IMAGENET_MEAN)[:, None, None]  # the release's, in the place of 0
    erased = (release.visible == filled).all(dim=1).float().mean(dim=(1, 2))
    assert 0.15 < erased.min() and erased.max() < 0.85 and erased.mean() > 0.3
    assert not (plain.visible == 0).all(dim=1).float().mean() > 0.2
    spread = release.visible * torch.tensor(IMAGENET_STD)[:, None, None] + filled
    shown = (release.visible != filled).all(dim=1, keepdim=True).expand_as(spread)
    torch.testing.assert_close(spread[:, 1:][shown[:, 1:]], spread[:, :1].expand(-1, 2, -1, -1)[shown[:, 1:]])
