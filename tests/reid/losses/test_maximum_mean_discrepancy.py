"""MMD and margin MMD: values and gradients of the release, a naive loop, the gate."""

import math
from collections.abc import Callable

import oracle_files
import pytest
import torch
from torch import Tensor

from vireid_lib.reid.losses.margin_mmd import margin_mmd
from vireid_lib.reid.losses.maximum_mean_discrepancy import maximum_mean_discrepancy

GRADIENTS = {"in.source": "out.grad_source", "in.target": "out.grad_target"}


def test_release(check_oracle: Callable) -> None:
    check_oracle("losses/mmd", maximum_mean_discrepancy, GRADIENTS)


@pytest.mark.parametrize("oracle", oracle_files.names("losses/margin_mmd_*"))
def test_margin_release(oracle: str, check_oracle: Callable) -> None:
    meta = oracle_files.meta(oracle)
    labels = torch.arange(meta["P"]).repeat_interleave(meta["K"])

    def loss(visible: Tensor, infrared: Tensor) -> Tensor:
        return margin_mmd(visible, infrared, labels, labels, margin=float(meta["margin"]))

    check_oracle(oracle, loss, GRADIENTS)


def naive(visible: Tensor, infrared: Tensor) -> float:
    rows = [*visible, *infrared]
    pairs = [float((a - b).square().sum()) for a in rows for b in rows if a is not b]
    bandwidth = sum(pairs) / len(pairs)

    def kernel(some: Tensor, others: Tensor) -> float:
        values = [
            math.exp(-float((a - b).square().sum()) / (bandwidth * factor + 1e-9))
            for a in some
            for b in others
            for factor in (0.25, 0.5, 1, 2, 4)
        ]
        return sum(values) / (len(some) * len(others))

    return kernel(visible, visible) + kernel(infrared, infrared) - 2 * kernel(visible, infrared)


def test_naive_loop() -> None:
    generator = torch.Generator().manual_seed(6)
    visible, infrared = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (5, 4))
    assert maximum_mean_discrepancy(visible, infrared).item() == pytest.approx(naive(visible, infrared), rel=1e-9)
    labels = torch.tensor([3, 1, 1, 3, 3]), torch.tensor([1, 3, 1, 3])
    each = [naive(visible[labels[0] == name], infrared[labels[1] == name]) for name in (1, 3)]
    for margin in (0.0, sum(each) / 2, max(each) + 0.1):
        expected = sum(value for value in each if value > margin) / 2
        found = margin_mmd(visible, infrared, *labels, margin=margin)
        assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_scale_does_not_matter_and_equal_sets_cost_nothing() -> None:
    visible, infrared = torch.rand(2, 6, 4, dtype=torch.float64)
    found = maximum_mean_discrepancy(visible, infrared)
    torch.testing.assert_close(maximum_mean_discrepancy(1000 * visible, 1000 * infrared), found)
    assert abs(maximum_mean_discrepancy(visible, visible.flip(0)).item()) < 1e-12


def test_equal_features_have_finite_gradients() -> None:
    rows = torch.zeros(4, 3, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    margin_mmd(rows, rows, labels, labels, margin=0.0).backward()
    assert torch.isfinite(rows.grad).all()


def test_identity_in_one_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="Label 1 has visible images in the batch and no infrared one"):
        margin_mmd(torch.rand(2, 3), torch.rand(2, 3), torch.tensor([0, 1]), torch.tensor([0, 0]))
