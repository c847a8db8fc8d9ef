"""CycleGAN, StarGAN and their networks: shortcuts, patches, the pool, the gradient penalty, published sizes."""

import numpy as np
import pytest
import torch
from torch import nn

from vireid_lib.generators import build
from vireid_lib.generators.base.adversarial import toward
from vireid_lib.generators.base.networks import LabelledGenerator, PatchDiscriminator, ResnetGenerator
from vireid_lib.generators.cyclegan import ImagePool
from vireid_lib.generators.stargan import Critic, StarGanTask, gradient_penalty


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


def test_the_pool_gives_old_images_for_new_ones():
    pool, draw = ImagePool(2, 1, 1), torch.Generator().manual_seed(0)
    first = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert torch.equal(pool.exchange(first, draw), first)  # not full yet
    seen = [pool.exchange(torch.full((1, 3, 1, 1), float(number)), draw)[0, 0].item() for number in range(2, 40)]
    older = sum(value < number for number, value in enumerate(seen, 2))
    assert 10 < older < 28  # about every second one


def test_gradient_penalty_of_a_linear_critic_by_hand():
    """D(x) = w·x has the slope w everywhere: 3 and 4 make 5, and (5 − 1)² = 16."""
    weight = torch.zeros(3, 2, 2)
    weight[0, 0, 0], weight[2, 1, 1] = 3.0, 4.0
    weight.requires_grad_(True)
    real, fake, shares = torch.rand(5, 3, 2, 2), torch.rand(5, 3, 2, 2), torch.rand(5)
    penalty = gradient_penalty(lambda images: (images * weight).sum((1, 2, 3)), real, fake, shares)
    assert penalty.item() == pytest.approx(16.0)
    (slope,) = torch.autograd.grad(penalty, weight)  # of (‖w‖ − 1)²: 2 (5 − 1) w / 5
    torch.testing.assert_close(slope, 8 / 5 * weight.detach())


def test_gradient_penalty_of_a_curved_critic_by_autograd():
    """D(x) = Σ x³ has the slope 3 x̂² at the mixture: it is taken there, and nowhere else."""
    real, fake = torch.full((2, 3, 1, 1), 2.0), torch.zeros(2, 3, 1, 1)
    shares = torch.tensor([0.25, 0.5])
    expected = np.mean([(np.sqrt(3) * 3 * 0.5**2 - 1) ** 2, (np.sqrt(3) * 3 * 1.0**2 - 1) ** 2])
    found = gradient_penalty(lambda images: images.pow(3).flatten(1), real, fake, shares)
    assert found.item() == pytest.approx(expected)


def test_the_generator_has_its_turn_after_every_few_of_the_critic(toy_people, tiny, tmp_path, monkeypatch):
    generator = build("stargan", tiny("stargan", steps=3, checkpoint_every=1), device="cpu", progress=False)
    weights, real = [], StarGanTask.after_step

    def watch(self, step):
        weights.append(self.modules["generator"].layers[0].weight.detach().clone())
        real(self, step)

    monkeypatch.setattr(StarGanTask, "after_step", watch)
    generator.fit(toy_people, tmp_path)
    assert not torch.equal(weights[0], weights[1]) and torch.equal(weights[1], weights[2])


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_and_published_numbers_of_parameters():
    """CycleGAN's and, for five domains at 128×128 pixels, StarGAN's (Tables 4 and 5): what the authors' codes print."""
    assert count(ResnetGenerator()) == 11_378_179 and count(PatchDiscriminator()) == 2_764_737  # 11.378 M and 2.765 M
    assert count(LabelledGenerator(labels=5)) == 8_430_528 and count(Critic((128, 128), 5)) == 44_762_048
    assert ResnetGenerator(width=4, blocks=2)(torch.rand(2, 3, 32, 24)).shape == (2, 3, 32, 24)
    assert PatchDiscriminator(width=4)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    scores, domains = Critic((64, 32), 3, width=4, halvings=4)(torch.rand(2, 3, 64, 32))
    assert scores.shape == (2, 1, 4, 2) and domains.shape == (2, 3)
    assert toward(torch.tensor([0.0, 2.0]), 1.0).item() == 1.0
