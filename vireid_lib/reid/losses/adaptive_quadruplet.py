"""Adaptive quadruplet loss of DART: a triplet loss that may replace its positive and its negative."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from vireid_lib.reid.losses.distances import pairwise_distances, same_identity
from vireid_lib.reid.losses.shapes import Labels, Logits, PerRow, Rows, Scalar

REDRAWS = 6  # tries at a confident positive; the last is taken whatever it is
RANKS = 12  # the closest negatives that are looked through for a confident one; the last is taken whatever it is


class Positives(NamedTuple):
    """Row of a positive of each anchor, and of another one that stands in where the first is doubted."""

    first: Labels
    second: Labels


def draw_positives(labels: Labels, confident: Bool[Tensor, " n"], generator: Generator) -> Positives:
    """Random rows with the anchor's label, as the release draws them. The first is any row but the anchor. The second
    is, of up to six draws among all rows with that label, the first that is confident and not the anchor; if there is
    none, the last draw. Some labels are wrong; `confident` says which are trusted. The generator is a CPU's, so that
    every device draws the same. Raises ValueError: a label occurs once (checked on the CPU; a GPU would have to wait
    for it)."""
    n = len(labels)
    same = labels[:, None] == labels[None, :]
    others = same & ~torch.eye(n, dtype=torch.bool, device=labels.device)
    if labels.device.type == "cpu" and not bool(others.any(dim=1).all()):
        alone = int(labels[~others.any(dim=1)][0])
        raise ValueError(f"Label {alone} is in the batch with one image alone: draw more images of an identity.")
    draws = torch.rand(1 + REDRAWS, n, generator=generator).to(labels.device)
    tries = _pick(same, draws[1:])
    good = confident[tries] & (tries != torch.arange(n, device=labels.device))
    good[-1] = True
    second = tries.gather(0, good.int().argmax(dim=0, keepdim=True))[0]
    return Positives(_pick(others, draws[:1])[0], second)


def _pick(among: Bool[Tensor, "n n"], draws: Float[Tensor, "k n"]) -> Int[Tensor, "k n"]:
    """For each row and each draw in 0..1, one of the row's marked columns, all equally likely."""
    counts = among.sum(dim=1)
    place = (draws * counts).long().clamp(max=(counts - 1).clamp(min=0))
    order = among.int().argsort(dim=1, descending=True, stable=True)  # the marked columns first
    return order.t().gather(0, place)


def adaptive_quadruplet(
    features: Rows,
    logits: Logits,
    labels: Labels,
    confidence: PerRow,
    positives: Positives,
    *,
    threshold: float = 0.5,
    margin: float = 0.3,
) -> Scalar:
    """max(0, d⁺ − d⁻ + margin), averaged over the anchors whose own label is trusted (Yang et al. 2022).

    With p the drawn positive, n the closest negative, p' and n' confident ones in their place, and an image doubted
    where its confidence is below the threshold:

    - n doubted and classified as the anchor's identity, a false negative: d⁺ = (d_p + d_n) / 2, d⁻ = d_n';
    - p doubted, a false positive: d⁻ = (d_p + d_n) / 2, d⁺ = d_p';
    - both: the roles change, d⁺ = d_n, d⁻ = d_p;
    - neither: d⁺ = d_p, d⁻ = d_n.

    The cases and the search for n' (the closest confident negative among the ranks 2 to 12, else the last of these) are
    the release's. Without a trusted anchor the loss is 0. The features are those before the BN neck; no gradient flows
    through the logits; `confidence` is the probability that a row's label is right, `margin` a distance. Raises
    ValueError: all labels are the same: there is no negative.
    """
    same = same_identity(labels, features)
    distances = pairwise_distances(features)
    trusted = confidence >= threshold
    near, ranked = torch.where(same, torch.inf, distances.detach()).topk(min(RANKS, len(labels)), largest=False)
    negative = ranked[:, 0]
    # Columns that are no negatives (an infinite distance) end the list.
    last = (near.isfinite().sum(dim=1) - 1)[:, None]
    stands_in = trusted[ranked] & near.isfinite()
    stands_in[:, 0] = False
    stands_in.scatter_(1, last, True)
    second_negative = ranked.gather(1, stands_in.int().argmax(dim=1, keepdim=True))[:, 0]

    anchors, pairs = torch.arange(len(labels), device=labels.device), (*positives, negative, second_negative)
    to_positive, to_second_positive, to_negative, to_second_negative = (distances[anchors, rows] for rows in pairs)
    mean = (to_positive + to_negative) / 2
    false_positive = ~trusted[positives.first]
    false_negative = ~trusted[negative] & (logits.argmax(dim=1)[negative] == labels)

    def choose(both: Tensor, positive: Tensor, negative: Tensor, neither: Tensor) -> Tensor:
        """By which of positive and negative are false."""
        doubted, kept = torch.where(false_negative, both, positive), torch.where(false_negative, negative, neither)
        return torch.where(false_positive, doubted, kept)

    towards = choose(to_negative, to_second_positive, mean, to_positive)
    away = choose(to_positive, mean, to_second_negative, to_negative)
    each = (towards - away + margin).clamp(min=0)
    return (each * trusted).sum() / trusted.sum().clamp(min=1)
