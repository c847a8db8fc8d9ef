"""Grad-CAM++ and occlusion find the place that carries the similarity; Grad-CAM++ agrees with the paper's sums."""

import pytest
import torch
from torch import nn

from vireid_lib.analysis.saliency import grad_cam_plus_plus, occlusion
from vireid_lib.reid import methods


class _Toy(nn.Module):
    """The map is the image; the feature is its mean per channel."""

    def feature_map(self, images, modality):
        return images

    def describe(self, maps):
        return maps.mean((2, 3))

    def features(self, images, modality):
        return images.mean((2, 3))


@pytest.mark.parametrize("name", methods.names())
def test_every_method_explains_the_feature_that_it_ranks_by_and_is_left_as_it_was(name):
    torch.manual_seed(0)
    config = methods.method_class(name).config_class.small()
    network = methods.build(name, config, 5).network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.rand(2, 3, config.height, config.width)
    with torch.no_grad():
        features = network.eval().features(images, "visible")
    towards = features.roll(1, dims=0)
    heat, similarity = grad_cam_plus_plus(network.train(), images, "visible", towards)
    torch.testing.assert_close(similarity, torch.cosine_similarity(features, towards))
    assert heat.shape == (2, 8, 4) and heat.min() >= 0 and heat.max() == 1
    assert network.training and all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_agrees_with_the_sums_of_the_paper():
    torch.manual_seed(1)
    maps, towards = torch.rand(1, 3, 3, 2), torch.rand(1, 3)
    heat, _ = grad_cam_plus_plus(_Toy(), maps, "visible", towards)
    leaf = maps.clone().requires_grad_(True)
    torch.cosine_similarity(leaf.mean((2, 3)), towards).sum().backward()
    gradient, expected = leaf.grad[0], torch.zeros(3, 2)
    for channel in range(3):
        weight = 0.0
        for g in gradient[channel].flatten():
            weight += g**2 / (2 * g**2 + g**3 * maps[0, channel].sum()) * max(g, 0)
        expected += weight * maps[0, channel]
    expected = expected.clamp(min=0)
    torch.testing.assert_close(heat[0], expected / expected.max())


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
