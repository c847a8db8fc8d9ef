"""Occlusion finds the cell that carries the similarity; agreement is a correlation over places."""

import numpy as np
import pytest
import torch
from torch import nn

from vireid_lib.analysis.saliency import agreement, occlusion


class _Toy(nn.Module):
    """The feature is the mean of each channel."""

    def features(self, images, modality):
        return images.mean((2, 3))


def test_only_the_cell_that_matters_drops():
    image = torch.zeros(1, 3, 6, 4)
    image[0, 0, :2, :2] = 1.0
    image[0, 1] = 0.1
    network = _Toy().train()
    drops = occlusion(network, image, "visible", torch.tensor([[1.0, 0, 0]]), cells=(3, 2))
    assert drops.shape == (1, 3, 2) and network.training
    assert drops[0, 0, 0] > 0.05
    # Covering another cell adds a little of the image's mean there, and so of the channel that matches.
    assert (drops.flatten()[1:] < 0).all()


def test_cells_need_not_divide_the_image():
    drops = occlusion(_Toy(), torch.rand(2, 3, 7, 5), "visible", torch.rand(2, 3), cells=(3, 2))
    assert drops.shape == (2, 3, 2) and torch.isfinite(drops).all()


def test_agreement_is_the_correlation_of_what_both_show():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.rand(2, 8, 4, generator=generator), torch.rand(2, 4, 2, generator=generator)
    pooled = one.reshape(2, 4, 2, 2, 2).mean((2, 4))
    expected = [np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(pooled, other, strict=True)]
    assert agreement(one, other).tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.isnan(agreement(torch.ones(1, 8, 4), other[:1]))
