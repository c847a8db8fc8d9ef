"""CAJ: its three views of the images, its consistency term, its recipes."""

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError

from vireid_lib.data import augment
from vireid_lib.reid import methods
from vireid_lib.reid.methods.caj import CajConfig


def still(**changes) -> CajConfig:
    """Only colours change."""
    return CajConfig.small(padding=0, flip=0.0, erasing=0.0, **changes)


@pytest.mark.parametrize("form", ["paper", "release"])
def test_visible_images_are_shown_as_they_are_and_with_one_channel(form: str, random_batch: Callable) -> None:
    batch = random_batch()
    shown = methods.build("caj", still(form=form, infrared_exchange=0.0, infrared_grey=0.0), 4).augment(batch)
    plain, exchanged = shown.visible.chunk(2)
    assert torch.equal(plain, augment.normalise(batch.visible))
    assert torch.equal(shown.infrared, augment.normalise(batch.infrared))
    assert torch.equal(shown.labels, torch.cat((batch.visible_labels, batch.visible_labels, batch.infrared_labels)))
    assert torch.equal(shown.visible_rows, batch.visible_rows)
    for i in range(len(exchanged)):
        if form == "release":
            options = [plain[i, channel].expand(3, -1, -1) for channel in range(3)]
        else:
            options = [augment.normalise(batch.visible[i : i + 1, c : c + 1].expand(1, 3, -1, -1))[0] for c in range(3)]
        assert any(torch.equal(exchanged[i], option) for option in options)


def test_infrared_images_keep_turn_grey_or_show_a_channel(random_batch: Callable) -> None:
    batch = random_batch(64, 4, 4, 4)
    before = augment.normalise(batch.infrared)
    after = methods.build("caj", still(), 64).augment(batch).infrared
    single = [before[:, channel : channel + 1].expand_as(before) for channel in range(3)]
    grey = augment.grey(before, torch.Generator(), 1.0)
    # A luminance of three equal channels differs from them by rounding.
    shares = [(after - like).abs().flatten(1).amax(dim=1).lt(1e-6).float().mean() for like in (before, *single, grey)]
    assert sum(shares) == 1.0
    assert torch.stack(shares).tolist() == pytest.approx([1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8], abs=0.08)


def test_grey_replaces_what_is_not_exchanged(random_batch: Callable) -> None:
    batch = random_batch(16, 4)
    shown = methods.build("caj", still(channel_exchange=0.5, grey=1.0), 16).augment(batch).visible.chunk(2)[1]
    torch.testing.assert_close(shown[:, 0], shown[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(shown[:, 0], shown[:, 2], atol=1e-6, rtol=0)


def test_each_view_moves_and_is_erased_alone_and_all_repeat(random_batch: Callable) -> None:
    config = CajConfig.small(channel_exchange=0.0, infrared_exchange=0.0, infrared_grey=0.0)
    method, batch = methods.build("caj", config, 4), random_batch()
    before = batch.visible.clone()
    first, second = method.augment(batch), method.augment(random_batch())
    assert torch.equal(batch.visible, before)
    assert torch.equal(first.visible, second.visible) and torch.equal(first.infrared, second.infrared)
    plain, other = first.visible.chunk(2)
    assert not torch.equal(plain, other)


def test_consistency_pulls_visible_predictions_to_infrared_ones(random_batch: Callable) -> None:
    method = methods.build("caj", still(consistency=0.5), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == {"total", "identity", "triplet", "consistency", "accuracy"}
    torch.testing.assert_close(losses["total"], losses["identity"] + losses["triplet"] + losses["consistency"])
    assert "consistency" not in methods.build("caj", still(), 4).loss(method.augment(random_batch()))


def test_recipes() -> None:
    for dataset in ("sysu_mm01", "regdb", "llcm"):
        assert CajConfig.published(dataset) == CajConfig()
    small = CajConfig.small()
    assert (small.backbone, small.channel_exchange, small.squared) == ("small", 1.0, True)
    assert CajConfig.small(channel_exchange=0.3).channel_exchange == 0.3
    with pytest.raises(ValidationError, match="form\n.*'paper' or 'release'"):
        methods.configure("caj", {"form": "code"})
