"""CAJ's consistency term: value and gradient of the release; what it rewards."""

from collections.abc import Callable

import oracle_files
import pytest
import torch

from vireid_lib.reid.losses.kl_divergence import kl_divergence


@pytest.mark.parametrize("oracle", oracle_files.names("losses/caj_kl_T*"))
def test_release(oracle: str, check_oracle: Callable) -> None:
    target, temperature = oracle_files.read(oracle)["in.label"], oracle_files.in_name(oracle, "T", 3.0)
    loss = lambda logits: kl_divergence(logits, target, temperature=temperature)  # noqa: E731
    check_oracle(oracle, loss, {"in.pred": "out.grad_pred"})


def test_naive_loop_and_no_gradient_for_the_target() -> None:
    generator = torch.Generator().manual_seed(3)
    logits, target = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    expected = 0.0
    for row in range(5):
        p, q = (each[row].div(2).softmax(0) for each in (logits, target))
        expected += float((q * (q / p).log()).sum()) * 4 / 5
    assert kl_divergence(logits, target, temperature=2.0).item() == pytest.approx(expected, rel=1e-5)
    assert not kl_divergence(logits, target.requires_grad_()).requires_grad


def test_equal_predictions_cost_nothing() -> None:
    logits = torch.rand(3, 4)
    assert kl_divergence(logits, logits).item() == pytest.approx(0.0, abs=1e-4)
    assert kl_divergence(logits, logits.flip(1)) > 0.01
