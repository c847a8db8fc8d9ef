"""CPM: the released value and gradient, and the paper's equations as a naive loop."""

import oracle_files
import pytest
import torch

from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining


@pytest.mark.parametrize("oracle", oracle_files.names("losses/cpm_*"))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_the_release(oracle: str, dtype: torch.dtype) -> None:
    data = oracle_files.read(oracle)
    features = data["in.feats"].to(dtype).requires_grad_()
    visible, infrared, *_ = data["in.labels"].chunk(4)
    # The release's margin is 0.2 whatever the oracle's argument.
    loss = centre_guided_pair_mining(*features.chunk(4), visible, infrared, margin=0.2, form="release")
    loss.backward()
    of_value, of_gradient = (1e-10, 1e-9) if dtype == torch.float64 else (2e-5, 2e-5)
    expected = data["out.grad"]
    assert loss.item() == pytest.approx(float(data["out.loss"]), rel=of_value)
    assert (features.grad.double() - expected).abs().max() <= of_gradient * expected.abs().max()


def embeddings(scale: float) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(4, 12, 6, generator=generator, dtype=torch.float64).mul(scale).unbind()


@pytest.mark.parametrize("scale", [0.02, 0.1, 1.0])
def test_paper_form_equals_a_naive_loop(scale: float) -> None:
    visible_labels, infrared_labels = torch.arange(12) % 4, torch.arange(12) // 3
    rows = embeddings(scale)
    found = centre_guided_pair_mining(*rows, visible_labels, infrared_labels, margin=0.3)
    labels = (visible_labels, infrared_labels, visible_labels, infrared_labels)
    visible, infrared, from_visible, from_infrared = (
        [part[each == identity].mean(dim=0) for identity in range(4)] for part, each in zip(rows, labels, strict=True)
    )
    expected = 0.0
    for own, opposite, generated in ((visible, infrared, from_visible), (infrared, visible, from_infrared)):
        for j in range(4):
            for k in set(range(4)) - {j}:
                terms = (opposite[j] - generated[j], own[j] - generated[j], own[j] - own[k])
                towards, away, between = (float(term.norm()) for term in terms)
                expected += max(0.0, towards - away - between + 0.3) / 12
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_paper_form_pulls_to_the_other_modality_and_pushes_from_its_own() -> None:
    generated = torch.tensor([[0.5, 0.0], [0.5, 9.0]], requires_grad=True)
    visible, infrared = torch.tensor([[0.0, 0.0], [0.0, 9.0]]), torch.tensor([[1.0, 0.0], [1.0, 9.0]])
    labels = torch.arange(2)
    centre_guided_pair_mining(visible, infrared, generated, infrared, labels, labels, margin=20.0).backward()
    assert (generated.grad[:, 0] < 0).all()  # a step against the gradient goes towards the infrared centre
    generated.grad = None
    centre_guided_pair_mining(
        visible, infrared, generated, infrared, labels, labels, margin=20.0, form="release"
    ).backward()
    assert (generated.grad[:, 0] < 0).all()


@pytest.mark.parametrize("form", ["paper", "release"])
def test_collapsed_embeddings_have_finite_gradients(form: str) -> None:
    rows = [torch.zeros(4, 3, requires_grad=True) for _ in range(4)]
    labels = torch.tensor([0, 0, 1, 1])
    centre_guided_pair_mining(*rows, labels, labels, form=form).backward()
    assert all(torch.isfinite(each.grad).all() for each in rows)


def test_batches_it_cannot_use_are_refused() -> None:
    rows = [torch.rand(4, 3) for _ in range(4)]
    labels = torch.tensor([0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"Identities \[1, 2\] of the batch have images in one modality"):
        centre_guided_pair_mining(*rows, labels, torch.tensor([0, 0, 2, 2]))
    with pytest.raises(ValueError, match="show the same identity: CPM needs at least two"):
        centre_guided_pair_mining(*rows, labels * 0, labels * 0)
