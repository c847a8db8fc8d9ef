"""MPANet's losses: value and gradient against the released code, and against naive loops."""

from collections.abc import Callable

import numpy as np
import oracle_files
import pytest
import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.additive_margin_softmax import additive_margin_softmax
from vireid_lib.reid.losses.centre_cluster import centre_cluster
from vireid_lib.reid.losses.centre_loss import centre_loss
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.jensen_shannon import jensen_shannon
from vireid_lib.reid.losses.mutual_mean import mutual_mean
from vireid_lib.reid.losses.pattern_separation import pattern_separation


def check(oracle: str, loss: Callable, sources: dict[str, str], *others: str) -> None:
    """Value and the gradient of each source; in float64 to the oracle's tolerance, in float32 to 2e-5."""
    data = oracle_files.read(oracle)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-5)):
        inputs = {name: data[f"in.{name}"].to(dtype, copy=True).requires_grad_() for name in sources}
        result = loss(*inputs.values(), *(data[f"in.{name}"] for name in others))
        result.backward()
        assert result.item() == pytest.approx(float(data["out.loss"]), rel=tolerance)
        for name, gradient in sources.items():
            expected = data[f"out.{gradient}"]
            assert (inputs[name].grad.double() - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("oracle", oracle_files.names("losses/mpanet_center_triplet_*"))
def test_centre_cluster(oracle: str) -> None:
    margin = oracle_files.meta(oracle)["margin"]
    check(oracle, lambda rows, labels: centre_cluster(rows, labels, margin=margin), {"feats": "grad"}, "labels")


def test_triplet_is_the_batch_hard_one() -> None:
    oracle = "losses/mpanet_triplet"
    margin = oracle_files.meta(oracle)["margin"]
    check(oracle, lambda rows, labels: hard_triplet(rows, labels, margin=margin), {"feats": "grad"}, "labels")


@pytest.mark.parametrize("oracle", oracle_files.names("losses/mpanet_center_loss_*"))
def test_centre_loss(oracle: str) -> None:
    reduction = oracle_files.meta(oracle)["reduction"]

    def loss(rows: torch.Tensor, centres: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        value = centre_loss(rows, labels, centres, form="release")
        return value if reduction == "mean" else value * len(rows) * len(centres)

    sources = {"feats": "grad_feats", "centers": "grad_centers"}
    check(oracle, loss, sources, "labels")


def test_centre_loss_of_the_paper_does_not_know_the_number_of_identities() -> None:
    rows, labels, centres = torch.rand(6, 4), torch.arange(6) % 3, torch.rand(9, 4)
    assert torch.allclose(centre_loss(rows, labels, centres), 9 * centre_loss(rows, labels, centres, form="release"))
    naive = sum(float((rows[i] - centres[i % 3]).pow(2).sum()) for i in range(6)) / 6
    assert float(centre_loss(rows, labels, centres)) == pytest.approx(naive, rel=1e-5)


def test_additive_margin_softmax() -> None:
    about = oracle_files.meta("losses/mpanet_am_softmax")
    options = {"scale": float(about["scale"]), "margin": float(about["margin"])}
    loss = lambda cosines, labels: additive_margin_softmax(cosines, labels, **options)  # noqa: E731
    check("losses/mpanet_am_softmax", loss, {"cosines": "grad"}, "labels")


def test_jensen_shannon() -> None:
    check("losses/mpanet_jsd", jensen_shannon, {"p_logits": "grad_p", "q_logits": "grad_q"})
    logits = torch.rand(3, 5)
    assert float(jensen_shannon(logits, logits)) == pytest.approx(0.0, abs=1e-6)
    sure = torch.eye(3) * 200
    assert float(jensen_shannon(sure, sure.roll(1, 1))) == pytest.approx(np.log(2), rel=1e-5)


def test_centre_cluster_equals_a_naive_loop_whatever_the_order_and_numbers() -> None:
    rows = torch.randn(9, 4, dtype=torch.float64) * 0.3
    labels = torch.tensor([5, 2, 5, 7, 2, 5, 7, 5, 2])
    centres = {int(label): rows[labels == label].mean(dim=0) for label in labels.unique()}
    near = sum(float((row - centres[int(label)]).norm()) for row, label in zip(rows, labels, strict=True)) / 9
    pairs = [(p, q) for p in centres for q in centres if p != q]
    apart = sum(max(0.0, 0.7 - float((centres[p] - centres[q]).norm())) for p, q in pairs) / len(pairs)
    assert apart > 0.1
    assert float(centre_cluster(rows, labels, margin=0.7)) == pytest.approx(near + apart, rel=1e-9)


def test_centre_cluster_of_collapsed_features_has_a_finite_gradient() -> None:
    rows = torch.zeros(6, 4, requires_grad=True)
    centre_cluster(rows, torch.arange(6) % 2).backward()
    assert torch.isfinite(rows.grad).all()
    with pytest.raises(ValueError, match="same identity"):
        centre_cluster(rows, torch.zeros(6, dtype=torch.int64))


def test_pattern_separation_equals_a_naive_loop() -> None:
    maps = torch.rand(2, 4, 5, 3, dtype=torch.float64)
    pairs = [(maps[b, i] * maps[b, j]).sum() for b in range(2) for i in range(4) for j in range(i + 1, 4)]
    assert torch.allclose(pattern_separation(maps), torch.stack(pairs).mean())
    with pytest.raises(ValueError, match="there is 1: take two or more"):
        pattern_separation(maps[:, :1])


def test_mutual_mean_in_both_directions() -> None:
    students, teachers = torch.randn(2, 5, 3, dtype=torch.float64)
    p, t = students.softmax(1), teachers.softmax(1)
    assert torch.allclose(mutual_mean(students, teachers), (t * (t / p).log()).sum() / 5)
    assert torch.allclose(mutual_mean(students, teachers, form="release"), (p * (p / t).log()).sum() / 5)
    for form in ("paper", "release"):
        students, teachers = (x.detach().requires_grad_() for x in (students.clone(), teachers.clone()))
        mutual_mean(students, teachers, form=form).backward()
        assert students.grad.abs().max() > 0 and teachers.grad is None
    # What the paper's form asks of the student is softmax(student) − softmax(teacher), row by row.
    students = students.detach().requires_grad_()
    mutual_mean(students, teachers).backward()
    torch.testing.assert_close(students.grad, (F.softmax(students, 1) - F.softmax(teachers, 1)).detach() / 5)
