"""Every loss: value and gradient against the released code, and against a naive loop."""

import math
from collections.abc import Callable

import oracle_files
import pytest
import torch

from vireid_lib.reid.losses.distances import same_identity
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.weighted_regularized_triplet import weighted_regularized_triplet


def check(
    oracle: str,
    loss: Callable,
    *,
    source: str = "feats",
    value: str = "loss",
    gradient: str = "grad",
    tolerances: tuple[float, float] = (1e-10, 1e-9),
) -> None:
    """Value and gradient to the oracle's tolerances in float64, to 2e-5 in float32."""
    data = oracle_files.read(oracle)
    labels, expected = data["in.labels"], data[f"out.{gradient}"]
    for dtype, (of_value, of_gradient) in ((torch.float64, tolerances), (torch.float32, (2e-5, 2e-5))):
        rows = data[f"in.{source}"].to(dtype, copy=True).requires_grad_()
        result = loss(rows, labels)
        result.backward()
        assert result.item() == pytest.approx(float(data[f"out.{value}"]), rel=of_value)
        assert (rows.grad.double() - expected).abs().max() <= of_gradient * expected.abs().max()


@pytest.mark.parametrize("oracle", oracle_files.names("losses/wrt_*"))
def test_weighted_regularized_triplet(oracle: str) -> None:
    check(oracle, weighted_regularized_triplet)
    check(
        oracle,
        lambda rows, labels: weighted_regularized_triplet(rows, labels, normalize=True),
        value="loss_normalized",
        gradient="grad_normalized",
    )


@pytest.mark.parametrize("oracle", oracle_files.names("losses/ori_triplet_m*"))
def test_hard_triplet(oracle: str) -> None:
    margin = oracle_files.in_name(oracle, "m", 0.3)
    check(oracle, lambda rows, labels: hard_triplet(rows, labels, margin=margin))


def test_label_smoothing() -> None:
    # The released code builds its targets in float32.
    loss = lambda rows, labels: identity_cross_entropy(rows, labels, smoothing=0.1)  # noqa: E731
    check("losses/label_smooth_ce", loss, source="logits", gradient="grad_logits", tolerances=(1e-7, 1e-6))


def batch(scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(12, 5, generator=generator, dtype=torch.float64) * scale, torch.arange(12) % 3


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_triplets_equal_a_naive_loop(scale: float) -> None:
    rows, labels = batch(scale)
    weighted, hard = 0.0, 0.0
    for i in range(12):
        near = {j: max(float((rows[i] - rows[j]).norm()), 1e-6) for j in range(12)}
        positive = [d for j, d in near.items() if labels[j] == labels[i]]
        negative = [d for j, d in near.items() if labels[j] != labels[i]]
        top = max(positive)
        plus = [math.exp(d - top) for d in positive]
        minus = [math.exp(-d) for d in negative]
        furthest = sum(d * w for d, w in zip(positive, plus, strict=True)) / (sum(plus) + 1e-6)
        closest = sum(d * w for d, w in zip(negative, minus, strict=True)) / (sum(minus) + 1e-6)
        weighted += math.log1p(math.exp(furthest - closest)) / 12
        hard += max(0.0, top - min(negative) + 0.3) / 12
    assert float(weighted_regularized_triplet(rows, labels)) == pytest.approx(weighted, rel=1e-9)
    assert float(hard_triplet(rows, labels)) == pytest.approx(hard, rel=1e-9)


def test_collapsed_features_have_finite_gradients() -> None:
    for loss in (weighted_regularized_triplet, hard_triplet):
        rows = torch.zeros(6, 4, requires_grad=True)
        loss(rows, torch.arange(6) % 2).backward()
        assert torch.isfinite(rows.grad).all()


def test_plain_cross_entropy_is_the_mean_of_negative_logs() -> None:
    logits, labels = batch()
    expected = -logits.log_softmax(1)[torch.arange(12), labels].mean()
    assert torch.allclose(identity_cross_entropy(logits, labels), expected)


@pytest.mark.parametrize("loss", [weighted_regularized_triplet, hard_triplet])
def test_one_identity_alone_is_refused(loss: Callable) -> None:
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        loss(torch.rand(4, 3), torch.zeros(4, dtype=torch.int64))


def test_labels_must_be_as_many_as_features() -> None:
    with pytest.raises(ValueError, match="4 features came with labels of shape"):
        same_identity(torch.zeros(3, dtype=torch.int64), torch.rand(4, 3))


def test_labels_beyond_the_classifier_are_refused() -> None:
    with pytest.raises(ValueError, match="run from 2 to 7, but the classifier has 5 identities"):
        identity_cross_entropy(torch.rand(2, 5), torch.tensor([2, 7]))


def test_oracles_are_what_they_say() -> None:
    for name in oracle_files.names("losses/*"):
        assert oracle_files.meta(name)["tolerance"]
