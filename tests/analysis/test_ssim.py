"""Structural similarity against a well-kept implementation, by hand, and where a mask says."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from vireid_lib.analysis.ssim import RADIUS, ssim, ssim_map
from vireid_lib.data.grey import luminance


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (3, 40, 24, 3), dtype=np.uint8)
    b = np.clip(a.astype(int) // 2 + rng.integers(0, 90, a.shape), 0, 255).astype(np.uint8)
    return a, b


def test_it_agrees_with_torchmetrics(pictures):
    planes = [torch.from_numpy(luminance(part)).double()[:, None] for part in pictures]
    _, whole = structural_similarity_index_measure(*planes, data_range=255.0, reduction="none", return_full_image=True)
    inside = whole[:, 0, RADIUS:-RADIUS, RADIUS:-RADIUS].numpy()  # its own mean counts the mirrored border too
    np.testing.assert_allclose(ssim_map(*pictures)[:, RADIUS:-RADIUS, RADIUS:-RADIUS], inside, atol=1e-10)
    np.testing.assert_allclose(ssim(*pictures), inside.mean((1, 2)))


def test_a_mask_leaves_out_what_it_does_not_cover(pictures):
    a, _ = pictures
    b = a.copy()
    b[:, :, 12:] = 0  # the right half is lost
    left, right = np.zeros(a.shape[:3]), np.zeros(a.shape[:3])
    left[:, :, :7], right[:, :, 17:] = 1, 1
    assert ssim(a, b, left) == pytest.approx(1) and (ssim(a, b, right) < 0.1).all()
    everywhere = ssim(a, b, np.ones(a.shape[:3]))
    np.testing.assert_allclose(everywhere, ssim_map(a, b).mean((1, 2)))
