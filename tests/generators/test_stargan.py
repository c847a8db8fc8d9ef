"""StarGAN: its gradient penalty against hand and autograd, its turns, its published size."""

import numpy as np
import pytest
import torch

from vireid_lib.generators import build
from vireid_lib.generators.networks import LabelledGenerator
from vireid_lib.generators.stargan import Critic, StarGanTask, gradient_penalty


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


def test_sizes_and_published_numbers_of_parameters():
    """For five domains at 128×128 pixels; Tables 4 and 5, and what the authors' code prints."""
    count = {
        module: sum(parameter.numel() for parameter in module.parameters())
        for module in (LabelledGenerator(labels=5), Critic((128, 128), 5))
    }
    assert list(count.values()) == [8_430_528, 44_762_048]
    scores, domains = Critic((64, 32), 3, width=4, halvings=4)(torch.rand(2, 3, 64, 32))
    assert scores.shape == (2, 1, 4, 2) and domains.shape == (2, 3)
