"""DEN and its baseline: what a batch shows, which terms each row of the tables has, the loss by hand."""

import math

import pytest
import torch

from vireid_lib.data import augment
from vireid_lib.reid import methods
from vireid_lib.reid.layers.network import Output
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.baseline import BaselineConfig
from vireid_lib.reid.methods.den import Den, DenConfig


def still(config: type[BaselineConfig], **changes) -> BaselineConfig:
    """The small recipe without random movements and erasing."""
    return config.small(padding=0, flip=0.0, erasing=0.0, **changes)


@pytest.mark.parametrize("copies", ["grey", "hue", "hue_grey"])
def test_copies_stand_behind_the_visible_images_they_are_made_of(copies, random_batch):
    method = methods.build("baseline", still(BaselineConfig, colour_copies=copies), 4)
    batch = random_batch()
    shown = method.augment(batch)
    plain, copied = shown.visible.chunk(2)
    assert torch.equal(plain, augment.normalise(batch.visible))
    assert torch.equal(shown.labels, torch.cat((batch.visible_labels, batch.visible_labels, batch.infrared_labels)))
    std, mean = (torch.tensor(each)[:, None, None] for each in (augment.IMAGENET_STD, augment.IMAGENET_MEAN))
    images = copied * std + mean
    assert torch.allclose(images[:, 0], images[:, 1], atol=1e-5) == (copies != "hue")
    luminance = augment.grey(batch.visible, torch.Generator(), 1.0)
    assert torch.allclose(images, luminance, atol=1e-5) == (copies == "grey")


def test_copies_move_with_their_image_and_are_erased_alone(random_batch):
    config = BaselineConfig.small(colour_copies="grey", erasing=0.0)
    plain, copied = methods.build("baseline", config, 4).augment(random_batch()).visible.chunk(2)
    parts = augment.LUMINANCE, augment.IMAGENET_STD, augment.IMAGENET_MEAN
    weights, std, mean = (torch.tensor(each)[:, None, None] for each in parts)
    luminance = ((plain * std + mean) * weights).sum(1)
    torch.testing.assert_close(luminance, (copied * std + mean)[:, 0], atol=1e-5, rtol=0)
    config = BaselineConfig.small(colour_copies="grey", erasing=1.0, padding=0)
    plain, copied = methods.build("baseline", config, 4).augment(random_batch()).visible.chunk(2)
    assert not torch.equal(plain[:, 0] == 0, copied[:, 0] == 0)


V_I = {"colour_copies": "none", "ird_hue_grey": False, "ci": False}
ROWS = {  # index in Table 3 → settings, terms
    1: (V_I | {"pe": False, "ne": False}, set()),
    2: (V_I | {"pe": False}, {"ne"}),
    3: (V_I | {"ne": False}, {"pe"}),
    4: (V_I, {"ne", "pe"}),
    5: ({"ird_visible": False, "ird_hue_grey": False, "ci": False}, set()),
    6: ({"ird_hue_grey": False, "ci": False}, {"ne", "pe"}),
    7: ({"ci": False}, {"ne", "pe"}),
    8: ({"ird_hue_grey": False}, {"ne", "pe", "ci"}),
    9: ({}, {"ne", "pe", "ci"}),
}


@pytest.mark.parametrize("index", ROWS)
def test_each_row_of_table_3_is_a_setting(index, random_batch):
    settings, terms = ROWS[index]
    torch.manual_seed(0)
    method = methods.build("den", still(DenConfig, **settings), 4)
    batch = method.augment(random_batch())
    losses = method.loss(batch)
    assert losses.keys() == {"total", "identity", "triplet", "accuracy"} | terms


def test_all_switches_off_is_the_baseline(random_batch):
    batch = random_batch()
    found = []
    for name, config in (("den", still(DenConfig, **ROWS[1][0])), ("baseline", still(BaselineConfig))):
        torch.manual_seed(0)
        method = methods.build(name, config, 4)
        found.append(method.loss(method.augment(batch))["total"].item())
    assert found[0] == found[1]


def test_all_weights_and_margins_by_hand():
    """Two identities on a line: pooled features in one dimension."""
    method = Den.__new__(Den)
    settings = {"identity_weight": 0.5, "triplet_weight": 2.0, "ird_weight": 4.0, "margin": 7.0, "positive_margin": 1.0}
    settings |= {"negative_margin": 0.0, "hue_grey_positive_margin": 3.0, "hue_grey_negative_margin": 7.5}
    method.config = DenConfig(**settings)
    labels = torch.tensor([0, 0, 1, 1])
    visible, hue_grey, infrared = (
        torch.tensor(rows)[:, None] for rows in ([-1.0, 1.0, 9.0, 11.0], [1.0, 3.0, 9.0, 11.0], [0.0, 2.0, 10.0, 12.0])
    )
    pictures = torch.zeros(12, 3, 1, 1)  # of which the losses on features see the number alone
    batch = Batch(pictures[:8], pictures[8:], labels.repeat(2), labels, labels, labels, torch.Generator())
    terms = method.metric_losses(Output(torch.cat((visible, hue_grey, infrared)), torch.zeros(12, 2)), batch)
    # Centres: visible 0, 10, HueGray 2, 10, infrared 1, 11; an identity's two are 1 apart, as each is from its images.
    assert terms["pe"].item() == pytest.approx(4 * (2 * (1 - 1 + 1) + 2 * (1 - 1 + 3)))
    # The nearest other centre: 9 or more for visible and infrared, 8 from HueGray to HueGray, 9 from infrared.
    assert terms["ne"].item() == pytest.approx(4 * (0 + (1 - 8 + 7.5)))
    assert terms["ci"].item() == pytest.approx(4 * (2 + 2 + 0 + 0) / 4)
    # Farthest own image - nearest other's + 7, of the rows in their order.
    hardest = [1, 1, 4, 1] + [1, 5, 4, 1] + [1, 3, 2, 1]
    assert terms["triplet"].item() == pytest.approx(2 * sum(hardest) / 12, rel=1e-5)
    assert method.identity_loss(torch.zeros(12, 2), batch.labels).item() == pytest.approx(0.5 * math.log(2))
