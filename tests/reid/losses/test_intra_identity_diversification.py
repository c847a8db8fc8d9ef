"""PE, NE and CI of DEN: against naive loops in value, by finite differences in gradient."""

from functools import partial

import pytest
import torch

from vireid_lib.reid.losses.intra_identity_diversification import (
    colour_invariance,
    intra_identity_diversification,
    negative_enhancement,
    positive_enhancement,
)

VISIBLE, INFRARED = [0, 2, 0, 1, 2, 1, 2], [1, 1, 0, 2, 0]  # unequal numbers, no order


def batch(scale: float = 1.0) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(3)
    one, other = (
        scale * torch.randn(len(labels), 4, generator=random, dtype=torch.float64) for labels in (VISIBLE, INFRARED)
    )
    return one, other, torch.tensor(VISIBLE), torch.tensor(INFRARED)


def naive(kind: str, margin: float, one, other, labels, other_labels) -> float:
    total = 0.0
    for mine, own, theirs, their in ((one, labels, other, other_labels), (other, other_labels, one, labels)):
        centres, opposite = (
            {i: torch.stack([rows[k] for k in range(len(rows)) if marks[k] == i]).mean(0) for i in range(3)}
            for rows, marks in ((mine, own), (theirs, their))
        )
        for i in range(3):
            apart = float((centres[i] - opposite[i]).norm())
            if kind == "PE":
                nearest = min(float((centres[i] - mine[k]).norm()) for k in range(len(mine)) if own[k] == i)
                nearest = max(nearest, 1e-6)  # of an only image, which is its own centre
            else:
                nearest = min(
                    float((centres[i] - there[j]).norm()) for j in range(3) if j != i for there in (centres, opposite)
                )
            total += max(0.0, apart - nearest + margin) / 3
    return total


@pytest.mark.parametrize("scale", [0.1, 1.0])
@pytest.mark.parametrize("margin", [-1.0, 0.0, 0.3])
def test_values_equal_a_naive_loop(scale, margin):
    rows = batch(scale)
    parts = {"PE": positive_enhancement, "NE": negative_enhancement}
    for name, loss in parts.items():
        assert float(loss(*rows, margin=margin)) == pytest.approx(naive(name, margin, *rows), rel=1e-9)
    whole = intra_identity_diversification(*rows, positive_margin=margin, negative_margin=0.1)
    assert float(whole) == pytest.approx(naive("PE", margin, *rows) + naive("NE", 0.1, *rows), rel=1e-9)


@pytest.mark.parametrize("loss", [positive_enhancement, negative_enhancement])
def test_gradients_equal_finite_differences(loss):
    one, other, *labels = batch()
    inputs = one.requires_grad_(), other.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, *labels, margin=0.3), inputs)


def test_colour_invariance():
    one, other, *_ = batch()
    other = torch.cat((other, other[:2]))
    expected = sum(float((a - b).norm()) for a, b in zip(one, other, strict=True)) / len(one)
    assert float(colour_invariance(one, other)) == pytest.approx(expected)
    assert torch.autograd.gradcheck(colour_invariance, (one.requires_grad_(), other.requires_grad_()))


def test_positive_enhancement_spreads_and_joins():
    """Its gradient moves the centres together and each centre's nearest image outwards."""
    one = torch.tensor([[0.0, 0.3], [0.0, -0.2], [0.0, 0.4], [9.0, 0.0]], dtype=torch.float64, requires_grad=True)
    other = torch.tensor([[1.0, 0.0], [9.0, 1.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1])
    positive_enhancement(one, other, labels, torch.tensor([0, 1]), margin=0.5).backward()
    assert (one.grad[:3, 0] < 0).all()  # towards the other centre, at x = 1
    nearest = lambda rows: (rows[:3] - rows[:3].mean(0)).norm(dim=1).min()  # noqa: E731
    assert nearest(one.detach() - 0.01 * one.grad) > nearest(one.detach())


@pytest.mark.parametrize("loss", [partial(positive_enhancement, margin=0.1), partial(negative_enhancement, margin=0.1)])
def test_collapsed_features_have_finite_gradients(loss):
    one = torch.zeros(4, 3, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    loss(one, torch.zeros(4, 3), labels, labels).backward()
    assert torch.isfinite(one.grad).all()


def test_an_identity_in_one_modality_and_an_only_identity_are_refused():
    one, other, labels, other_labels = batch()
    with pytest.raises(ValueError, match="identity 2 of the batch has images in one of them only"):
        positive_enhancement(one, other[[0, 1, 2, 4]], labels, other_labels[[0, 1, 2, 4]], margin=0.1)
    with pytest.raises(ValueError, match="one identity only"):
        negative_enhancement(one[:1], other[:1], labels[:1], labels[:1], margin=0.1)
