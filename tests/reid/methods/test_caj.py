"""CAJ: its three views of the images, its consistency term, its recipes."""

import pytest
import torch

from vireid_lib.data import augment
from vireid_lib.reid import methods
from vireid_lib.reid.methods.caj import CajConfig


def still(**changes) -> CajConfig:
    """Only colours change."""
    return CajConfig.small(padding=0, flip=0.0, erasing=0.0, **changes)


@pytest.mark.parametrize("form", ["paper", "release"])
def test_visible_images_are_shown_as_they_are_and_with_one_channel(form, random_batch):
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


def test_infrared_images_keep_turn_grey_or_show_a_channel(random_batch):
    batch = random_batch(64, 4, 4, 4)
    before = augment.normalise(batch.infrared)
    after = methods.build("caj", still(), 64).augment(batch).infrared
    single = [before[:, channel : channel + 1].expand_as(before) for channel in range(3)]
    grey = augment.grey(before, torch.Generator(), 1.0)
    # A luminance of three equal channels differs from them by rounding.
    shares = [(after - like).abs().flatten(1).amax(dim=1).lt(1e-6).float().mean() for like in (before, *single, grey)]
    assert sum(shares) == 1.0
    assert torch.stack(shares).tolist() == pytest.approx([1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8], abs=0.08)


def test_consistency_pulls_visible_predictions_to_infrared_ones(random_batch):
    method = methods.build("caj", still(consistency=0.5), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == {"total", "identity", "triplet", "consistency", "accuracy"}
    assert "consistency" not in methods.build("caj", still(), 4).loss(method.augment(random_batch()))
