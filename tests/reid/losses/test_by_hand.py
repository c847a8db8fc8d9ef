"""Every loss against a naive loop, at its ends, and with what it refuses."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vireid_lib.reid.losses import divergences, triplets
from vireid_lib.reid.losses import intra_identity_diversification as diversification
from vireid_lib.reid.losses.adaptive_quadruplet import REDRAWS, Positives, adaptive_quadruplet, draw_positives
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.centre_losses import centre_cluster
from vireid_lib.reid.losses.distances import same_identity
from vireid_lib.reid.losses.divergences import margin_mmd
from vireid_lib.reid.losses.orthogonality import orthogonal, pattern_separation

TRIPLETS = [triplets.weighted_regularized_triplet, triplets.hard_triplet, triplets.enhanced_squared_triplet]
TRIPLETS += [centre_cluster]
PAIRS = [triplets.hetero_centre_triplet, margin_mmd, triplets.cross_modality_triplet, centre_guided_pair_mining]
ENHANCEMENTS = {"PE": diversification.positive_enhancement, "NE": diversification.negative_enhancement}
PAIRS += [partial(loss, margin=0.1) for loss in ENHANCEMENTS.values()]


def normal(*shape: int, seed: int = 4, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("loss", TRIPLETS)
def test_triplets_of_collapsed_features_have_finite_gradients_and_one_identity_is_refused(loss):
    rows = torch.zeros(6, 4, requires_grad=True)
    loss(rows, torch.arange(6) % 2).backward()
    assert torch.isfinite(rows.grad).all()
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        loss(torch.rand(4, 3), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("loss", PAIRS)
def test_pairs_of_collapsed_features_have_finite_gradients_and_lonely_identities_are_refused(loss):
    mining = loss is centre_guided_pair_mining
    rows = [torch.zeros(4, 3, requires_grad=True) for _ in range(4 if mining else 2)]
    labels, alone = torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)
    for form in ("paper", "release") if mining else ("",):
        loss(*rows, labels, labels, **({"form": form} if mining else {})).backward()
        assert all(torch.isfinite(each.grad).all() for each in rows)
    for sides in ((labels, alone), (alone, labels)):
        with pytest.raises(ValueError, match="one modality|no (infrared|visible) one|in one of them|no positive"):
            loss(*rows, *sides)
    if loss is not margin_mmd and getattr(loss, "func", None) is not diversification.positive_enhancement:
        with pytest.raises(ValueError, match="same identity|one identity only|no positive or no negative"):
            loss(*rows, alone, alone)


def test_one_pattern_has_nothing_to_be_apart_from():
    with pytest.raises(ValueError, match="there is 1: take two or more"):
        pattern_separation(torch.rand(2, 1, 5, 3))


def test_cajs_triplet_stands_still_at_88():
    rows = (torch.arange(8.0)[:, None] * 1000).requires_grad_()
    loss = triplets.enhanced_squared_triplet(rows, torch.arange(8) % 2)
    loss.backward()
    assert loss.item() == 88.0 and not rows.grad.any()


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="4 features came with labels of shape"):
        same_identity(torch.zeros(3, dtype=torch.int64), torch.rand(4, 3))


@pytest.mark.parametrize("scale", [0.02, 0.1, 1.0])
def test_pair_mining_in_the_papers_form_equals_a_naive_loop(scale):
    visible_labels, infrared_labels = torch.arange(12) % 4, torch.arange(12) // 3
    rows = normal(4, 12, 6, scale=scale).unbind()
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


@pytest.mark.parametrize("form", ["paper", "release"])
def test_pair_mining_pulls_to_the_other_modality(form):
    generated = torch.tensor([[0.5, 0.0], [0.5, 9.0]], requires_grad=True)
    visible, infrared = torch.tensor([[0.0, 0.0], [0.0, 9.0]]), torch.tensor([[1.0, 0.0], [1.0, 9.0]])
    labels = torch.arange(2)
    loss = centre_guided_pair_mining(visible, infrared, generated, infrared, labels, labels, margin=20.0, form=form)
    loss.backward()
    assert (generated.grad[:, 0] < 0).all()  # a step against the gradient goes towards the infrared centre


def test_every_pair_of_branches_counts_once():
    branches = torch.rand(3, 5, 7).unbind()
    expected = sum(float(branches[m][row] @ branches[n][row]) for row in range(5) for m, n in ((0, 1), (0, 2), (1, 2)))
    assert float(orthogonal(branches)) == pytest.approx(expected / 5, rel=1e-5)
    assert float(orthogonal(branches, form="release")) == pytest.approx(expected / 20, rel=1e-5)
    assert float(orthogonal(branches[:1])) == 0.0
    with pytest.raises(ValueError, match="at least one generated branch"):
        orthogonal([])


def test_hetero_centre_triplet_is_that_of_centres_whatever_the_counts_and_the_order():
    sides = (normal(9, 4), [5, 2, 8, 5, 2, 8, 8, 8, 2]), (normal(7, 4, seed=5), [2, 8, 5, 5, 5, 2, 8])
    rows, labels = zip(*((rows, torch.tensor(own)) for rows, own in sides), strict=True)
    centres = [side[own == name].mean(0) for side, own in zip(rows, labels, strict=True) for name in (2, 5, 8)]
    expected = triplets.hard_triplet(torch.stack(centres), torch.tensor([2, 5, 8] * 2), margin=0.5)
    torch.testing.assert_close(triplets.hetero_centre_triplet(*rows, *labels, margin=0.5), expected)


def naive_quadruplet(features, logits, labels, trusted, positives) -> float:
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
def test_quadruplet_equals_a_naive_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    identities = 2 + seed  # with 2, fewer negatives than are looked through
    labels = torch.arange(identities).repeat(4)
    n, options = len(labels), {"generator": generator, "dtype": torch.float64}
    features = torch.randn(n, 5, **options)
    classes = F.one_hot(labels[torch.randperm(n, generator=generator)], identities)
    logits = 3 * classes + torch.rand(n, identities, **options)
    confidence = torch.rand(n, **options) * (0.6 if seed == 5 else 1)
    trusted = confidence >= 0.5
    positives = draw_positives(labels, trusted, generator)
    loss = adaptive_quadruplet(features, logits, labels, confidence, positives)
    assert float(loss) == pytest.approx(naive_quadruplet(features, logits, labels, trusted, positives), rel=1e-9)


def test_positives_have_the_anchors_label_and_prefer_trusted_ones():
    generator = torch.Generator().manual_seed(0)
    labels, confident = torch.arange(6).repeat(4), torch.rand(24, generator=generator) < 0.5
    anchors, draws = torch.arange(24), []
    for _ in range(1000):
        draws.append(draw_positives(labels, confident, generator))
        first, second = draws[-1]
        assert (first != anchors).all() and (labels[first] == labels).all() and (labels[second] == labels).all()
    chosen, seconds = torch.stack([draw.first for draw in draws])[:, 0], torch.stack([draw.second for draw in draws])
    assert [int((chosen == row).sum()) for row in (6, 12, 18)] == pytest.approx([333] * 3, abs=60)
    good = confident[None] & (labels[None] == labels[:, None]) & (anchors[None] != anchors[:, None])
    for anchor in range(24):
        share = good[anchor, seconds[:, anchor]].double().mean()
        assert float(share) == pytest.approx(1 - (1 - int(good[anchor].sum()) / 4) ** REDRAWS, abs=0.06)


def test_quadruplet_without_trust_is_no_loss_and_wrong_input_is_refused():
    features, labels = torch.rand(8, 3, requires_grad=True), torch.arange(8) % 2
    positives = draw_positives(labels, torch.zeros(8, dtype=torch.bool), torch.Generator().manual_seed(0))
    loss = adaptive_quadruplet(features, torch.rand(8, 2), labels, torch.zeros(8), positives)
    loss.backward()
    assert loss.item() == 0.0 and not features.grad.any()
    labels, rows = torch.tensor([0, 0, 1]), torch.tensor([1, 0, 2])
    with pytest.raises(ValueError, match="Label 1 is in the batch with one image alone"):
        draw_positives(labels, labels > 0, torch.Generator())
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        adaptive_quadruplet(*torch.rand(2, 3, 2), torch.zeros(3).long(), torch.ones(3), Positives(rows, rows))


VISIBLE, INFRARED = [0, 2, 0, 1, 2, 1, 2], [1, 1, 0, 2, 0]  # unequal numbers, no order


def two_modalities(scale: float = 1.0) -> tuple[Tensor, ...]:
    rows = (normal(len(labels), 4, seed=len(labels), scale=scale) for labels in (VISIBLE, INFRARED))
    return (*rows, torch.tensor(VISIBLE), torch.tensor(INFRARED))


def enhancement(kind: str, margin: float, one, other, labels, other_labels) -> float:
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
def test_dens_parts_equal_a_naive_loop(scale, margin):
    rows = two_modalities(scale)
    for name, loss in ENHANCEMENTS.items():
        assert float(loss(*rows, margin=margin)) == pytest.approx(enhancement(name, margin, *rows), rel=1e-9)


def test_dens_gradients_equal_finite_differences():
    one, other, *labels = two_modalities()
    longer = torch.cat((other, other[:2]))
    expected = sum(float((a - b).norm()) for a, b in zip(one, longer, strict=True)) / len(one)
    assert float(diversification.colour_invariance(one, longer)) == pytest.approx(expected)
    inputs = one.requires_grad_(), other.requires_grad_()
    for loss in ENHANCEMENTS.values():
        assert torch.autograd.gradcheck(lambda a, b, loss=loss: loss(a, b, *labels, margin=0.3), inputs)
    assert torch.autograd.gradcheck(diversification.colour_invariance, (one, longer.requires_grad_()))


def test_a_divergences_target_gets_no_gradient():
    students, targets = (each.clone().requires_grad_() for each in normal(2, 5, 3))
    for loss in (divergences.kl_divergence, divergences.mutual_mean, partial(divergences.mutual_mean, form="release")):
        students.grad = None
        loss(students, targets).backward()
        assert students.grad.abs().max() > 0 and targets.grad is None
    # What the paper's form asks of the student is softmax(student) − softmax(teacher), row by row.
    students.grad = None
    divergences.mutual_mean(students, targets).backward()
    torch.testing.assert_close(students.grad, (F.softmax(students, 1) - F.softmax(targets, 1)).detach() / 5)


def test_centre_clusters_equal_a_naive_loop_whatever_the_order_and_numbers():
    rows, labels = normal(9, 4, scale=0.3), torch.tensor([5, 2, 5, 7, 2, 5, 7, 5, 2])
    centres = {int(label): rows[labels == label].mean(dim=0) for label in labels.unique()}
    near = sum(float((row - centres[int(label)]).norm()) for row, label in zip(rows, labels, strict=True)) / 9
    pairs = [(p, q) for p in centres for q in centres if p != q]
    apart = sum(max(0.0, 0.7 - float((centres[p] - centres[q]).norm())) for p, q in pairs) / len(pairs)
    assert apart > 0.02
    assert float(centre_cluster(rows, labels, margin=0.7)) == pytest.approx(near + apart, rel=1e-9)
