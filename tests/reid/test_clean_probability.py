"""The mixture of two Gaussians tells small losses from large ones."""

import pytest
import torch

from vireid_lib.reid.clean_probability import clean_probability


def losses(views: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    wrong = torch.arange(200) < 40
    return wrong, torch.where(wrong, 5.0, 1.0) + 0.3 * torch.randn(views, 200, generator=generator)


def test_large_losses_are_wrong_labels_whatever_the_scale_of_a_view() -> None:
    wrong, found = losses()
    found[1] = 100 * found[1] - 7
    probability = clean_probability(found, seed=0)
    assert probability.shape == (2, 200) and probability.dtype == torch.float32
    assert (probability[:, wrong] < 0.05).all() and (probability[:, ~wrong] > 0.95).all()


def test_same_seed_same_probabilities() -> None:
    found = losses(1)[1]
    assert torch.equal(clean_probability(found, seed=3), clean_probability(found, seed=3))


def test_equal_losses_leave_every_label_trusted() -> None:
    assert torch.equal(clean_probability(torch.full((1, 5), 2.0), seed=0), torch.ones(1, 5))


def test_infinite_losses_are_refused() -> None:
    with pytest.raises(ValueError, match="the network has diverged"):
        clean_probability(torch.tensor([[1.0, torch.inf]]), seed=0)
