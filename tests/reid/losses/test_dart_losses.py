"""DART's two losses: value and gradient against the released code, and against a naive loop."""

import oracle_files
import pytest
import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.adaptive_quadruplet import REDRAWS, Positives, adaptive_quadruplet, draw_positives
from vireid_lib.reid.losses.soft_identity_cross_entropy import soft_identity_cross_entropy

TOLERANCES = [(torch.float64, 1e-10, 1e-9), (torch.float32, 2e-5, 2e-5)]


@pytest.mark.parametrize("dtype, of_value, of_gradient", TOLERANCES)
def test_soft_identity_is_the_releases(dtype: torch.dtype, of_value: float, of_gradient: float) -> None:
    data = oracle_files.read("losses/dart_soft_id")
    logits = data["in.logits"].to(dtype).requires_grad_()
    loss = soft_identity_cross_entropy(logits, data["in.labels"], data["in.prob"].to(dtype))
    loss.backward()
    expected = data["out.grad_logits"]
    assert loss.item() == pytest.approx(float(data["out.loss"]), rel=of_value)
    assert (logits.grad - expected).abs().max() <= of_gradient * expected.abs().max()


@pytest.mark.parametrize("dtype, of_value, of_gradient", TOLERANCES)
def test_quadruplet_is_the_releases(dtype: torch.dtype, of_value: float, of_gradient: float) -> None:
    data, about = (get("losses/dart_robust_triplet") for get in (oracle_files.read, oracle_files.meta))
    drawn = torch.zeros(2, len(data["in.labels"]), dtype=torch.int64)
    for anchor, stage, index in data["in.draws"].tolist():
        drawn[stage, anchor] = index  # the last draw of a stage is the one used
    features = data["in.feats"].to(dtype).requires_grad_()
    loss = adaptive_quadruplet(
        features,
        data["in.prediction"].to(dtype),
        data["in.labels"],
        data["in.prob"].to(dtype),
        Positives(*drawn),
        threshold=about["threshold"],
        margin=about["margin"],
    )
    loss.backward()
    expected = data["out.grad"]
    assert loss.item() == pytest.approx(float(data["out.loss"]), rel=of_value)
    assert (features.grad - expected).abs().max() <= of_gradient * expected.abs().max()
    assert int((data["in.prob"] >= about["threshold"]).sum()) == int(data["out.n"])


def naive(features, logits, labels, trusted, positives) -> float:
    n, total = len(labels), 0.0
    distances = torch.cdist(features, features)
    for i in range(n):
        if not trusted[i]:
            continue
        others = sorted((j for j in range(n) if labels[j] != labels[i]), key=lambda j: float(distances[i, j]))
        candidates = [j for j in others[1:12] if trusted[j]]
        p, p2, k = int(positives.first[i]), int(positives.second[i]), others[0]
        k2 = candidates[0] if candidates else others[:12][-1]
        d = {j: float(distances[i, j]) for j in range(n)}
        d[i] = 1e-6
        false_negative = not trusted[k] and int(logits[k].argmax()) == int(labels[i])
        if trusted[p]:
            towards, away = ((d[p] + d[k]) / 2, d[k2]) if false_negative else (d[p], d[k])
        else:
            towards, away = (d[k], d[p]) if false_negative else (d[p2], (d[p] + d[k]) / 2)
        total += max(0.0, towards - away + 0.3)
    return total / max(1, int(sum(trusted)))


@pytest.mark.parametrize("seed", range(6))
def test_quadruplet_equals_a_naive_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    identities = 2 + seed  # with 2, fewer negatives than are looked through
    labels = torch.arange(identities).repeat(4)
    n = len(labels)
    features = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    logits = 3 * F.one_hot(labels[torch.randperm(n, generator=generator)], identities) + torch.rand(
        n, identities, generator=generator, dtype=torch.float64
    )
    confidence = torch.rand(n, generator=generator, dtype=torch.float64) * (0.6 if seed == 5 else 1)
    trusted = confidence >= 0.5
    positives = draw_positives(labels, trusted, generator)
    loss = adaptive_quadruplet(features, logits, labels, confidence, positives)
    assert float(loss) == pytest.approx(naive(features, logits, labels, trusted, positives), rel=1e-9)


def test_positives_have_the_anchors_label_and_prefer_trusted_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    labels, confident = torch.arange(6).repeat(4), torch.rand(24, generator=generator) < 0.5
    anchors, firsts, seconds = torch.arange(24), [], []
    for _ in range(1000):
        first, second = draw_positives(labels, confident, generator)
        assert (first != anchors).all() and (labels[first] == labels).all() and (labels[second] == labels).all()
        firsts.append(first)
        seconds.append(second)
    chosen = torch.stack(firsts)[:, 0]
    assert [int((chosen == row).sum()) for row in (6, 12, 18)] == pytest.approx([333] * 3, abs=60)
    seconds = torch.stack(seconds)
    good = confident[None] & (labels[None] == labels[:, None]) & (anchors[None] != anchors[:, None])
    for anchor in range(24):
        share = good[anchor, seconds[:, anchor]].double().mean()
        assert float(share) == pytest.approx(1 - (1 - int(good[anchor].sum()) / 4) ** REDRAWS, abs=0.06)


def test_nothing_trusted_is_no_loss() -> None:
    features = torch.rand(8, 3, requires_grad=True)
    labels = torch.arange(8) % 2
    positives = draw_positives(labels, torch.zeros(8, dtype=torch.bool), torch.Generator().manual_seed(0))
    loss = adaptive_quadruplet(features, torch.rand(8, 2), labels, torch.zeros(8), positives)
    loss.backward()
    assert loss.item() == 0.0 and not features.grad.any()


def test_wrong_input_is_refused() -> None:
    labels = torch.tensor([0, 0, 1])
    with pytest.raises(ValueError, match="Label 1 is in the batch with one image alone"):
        draw_positives(labels, labels > 0, torch.Generator())
    positives = Positives(torch.tensor([1, 0, 2]), torch.tensor([1, 0, 2]))
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        adaptive_quadruplet(torch.rand(3, 2), torch.rand(3, 2), torch.zeros(3).long(), torch.ones(3), positives)
