"""The augmentation lab shows what the library's own functions make of an image."""

import numpy as np
import pytest
import torch

from vireid_lib.data import augment
from vireid_lib.data.images import to_float
from vireid_lib.viz.explorers import augmentations, explore_augmentations, explore_greys

RED_OVER_BLUE = np.zeros((20, 10, 3), np.uint8)
RED_OVER_BLUE[:10, :, 0] = RED_OVER_BLUE[10:, :, 2] = 255


def test_the_greys_of_pure_colours_by_hand():
    """Red turned by 120° is green, by 240° blue; each has its luminance."""
    greys = augmentations.greys_of(RED_OVER_BLUE, [0, 120, 240])
    assert greys[:, 0, 0, 0].tolist() == pytest.approx([0.299, 0.587, 0.114], abs=1e-6)
    assert greys[:, 0, -1, 0].tolist() == pytest.approx([0.114, 0.299, 0.587], abs=1e-6)


def test_every_change_changes_and_is_the_same_again():
    image = to_float(np.random.default_rng(0).integers(0, 256, (1, 32, 16, 3), dtype=np.uint8), torch.device("cpu"))
    batch = image.expand(6, -1, -1, -1)
    for name, change in augmentations.changes(1.0, 0.4, 4).items():
        one, two = (change(batch, torch.Generator().manual_seed(1)) for _ in range(2))
        assert torch.equal(one, two) and not torch.allclose(one, batch, atol=1e-3), name
    for name, change in augmentations.changes(0.0, 0.4, 4).items():
        if name != "pad and crop":  # which has no probability
            assert torch.allclose(change(batch, torch.Generator().manual_seed(1)), batch, atol=1e-5), name


def test_erasing_leaves_the_mean_colour():
    white = torch.ones(1, 3, 32, 16)
    erased = augmentations.changes(1.0, 0.4, 4)["random erasing"](white, torch.Generator().manual_seed(0))
    inside = (erased < 0.99).all(1)[0]
    assert inside.any() and erased[0, :, inside].mean(1).tolist() == pytest.approx(augment.IMAGENET_MEAN, abs=1e-5)


def test_rows_of_a_table_and_paths_are_taken(table, shown):
    explore_greys(table)
    explore_augmentations(table["path"].tolist()[:1])
    assert "120°" in shown[0].alt and shown[1].png()
