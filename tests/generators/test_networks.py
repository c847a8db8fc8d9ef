"""Networks that several generators use: what a shortcut adds, and what the patches of a judge see."""

import pytest
import torch
from torch import nn

from vireid_lib.generators.networks import LabelledGenerator, PatchDiscriminator, ResnetGenerator


@pytest.mark.parametrize("labels", [None, 2])
def test_a_shortcut_begins_as_the_grey_picture(labels):
    images = torch.rand(2, 3, 16, 8) * 2 - 1
    grey = (0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]).expand(-1, 3, -1, -1)
    if labels is None:
        network, given = ResnetGenerator(width=4, blocks=1, halvings=1, shortcut=True), (images,)
    else:
        network = LabelledGenerator(labels=labels, width=4, blocks=1, shortcut=True)
        given = (images, torch.eye(labels))
    last = [layer for layer in network.layers.layers if isinstance(layer, nn.Conv2d)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(network(*given), torch.tanh(grey))
    network.layers.recolour.bias.data.fill_(0.5)
    torch.testing.assert_close(network(*given), torch.tanh(grey + 0.5))


@pytest.mark.parametrize(("halvings", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_has_the_published_size(halvings, patch):
    """Isola et al. 2017, appendix 6.1.2: found by what changes one score in the middle."""
    network = PatchDiscriminator(width=2, halvings=halvings)
    layers = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    scores = nn.Sequential(*layers)(image)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    seen = image.grad[0].abs().sum(0)
    assert int((seen.sum(1) > 0).sum()) == int((seen.sum(0) > 0).sum()) == patch
