"""CAJ's triplet: values and gradients of the release, a naive loop, its two ends."""

import math
from collections.abc import Callable

import oracle_files
import pytest
import torch

from vireid_lib.reid.losses.enhanced_squared_triplet import enhanced_squared_triplet
from vireid_lib.reid.losses.weighted_regularized_triplet import weighted_regularized_triplet


@pytest.mark.parametrize("oracle", oracle_files.names("losses/adp_*"))
def test_release(oracle: str, check_oracle: Callable) -> None:
    meta = oracle_files.meta(oracle)
    options = {"sharpness": float(meta["alpha"]), "scale": float(meta["gamma"]), "squared": bool(meta["square"])}
    check_oracle(oracle, lambda *given: enhanced_squared_triplet(*given, **options), {"in.feats": "out.grad"})


@pytest.mark.parametrize("size", [0.1, 1.0, 20.0])
def test_naive_loop(size: float) -> None:
    rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * size
    labels, expected = torch.arange(12) % 3, 0.0
    for i in range(12):
        near = [max(float((rows[i] - rows[j]).norm()), 1e-6) for j in range(12)]
        positive = [d for j, d in enumerate(near) if labels[j] == labels[i]]
        negative = [d for j, d in enumerate(near) if labels[j] != labels[i]]
        plus = [math.exp(1.5 * (d - max(positive))) for d in positive]
        minus = [math.exp(-1.5 * d) for d in negative]
        furthest = sum(d * w for d, w in zip(positive, plus, strict=True)) / (sum(plus) + 1e-6)
        closest = sum(d * w for d, w in zip(negative, minus, strict=True)) / (sum(minus) + 1e-6)
        squared = min(88.0, 0.7 * (furthest - closest) ** 2)
        expected += math.log1p(math.exp(squared if furthest > closest else -squared)) / 12
    found = enhanced_squared_triplet(rows, labels, sharpness=1.5, scale=0.7)
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_unsquared_is_wrt() -> None:
    rows, labels = torch.rand(8, 4, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 4
    assert torch.equal(
        enhanced_squared_triplet(rows, labels, squared=False), weighted_regularized_triplet(rows, labels)
    )


def test_collapse_stands_still_at_88() -> None:
    rows = (torch.arange(8.0)[:, None] * 1000).requires_grad_()
    loss = enhanced_squared_triplet(rows, torch.arange(8) % 2)
    loss.backward()
    assert loss.item() == 88.0 and not rows.grad.any()


def test_equal_features_have_finite_gradients() -> None:
    rows = torch.zeros(6, 4, requires_grad=True)
    enhanced_squared_triplet(rows, torch.arange(6) % 2).backward()
    assert torch.isfinite(rows.grad).all()


def test_one_identity_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        enhanced_squared_triplet(torch.rand(4, 3), torch.zeros(4, dtype=torch.int64))
