"""Losses of JSIA-ReID: least squares against the discriminators, divergences of identity predictions (Eq. 7, 11-15)."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vireid_lib.data.tables import OTHER
from vireid_lib.generators.base.adversarial import toward

Scores = Sequence[Float[Tensor, "batch 1 rows columns"]]
Logits = Float[Tensor, "... identities"]
ByModality, Losses = dict[str, Logits], dict[str, Float[Tensor, ""]]
Batched = Float[Tensor, "batch ..."]
RELEASED_EPSILON = 1e-8


def generator_loss(of_fake: Scores) -> Float[Tensor, ""]:
    """Σ over scales of the mean of (D(x̂) − 1)²: Eq. 7 with the least squares of section 4.2."""
    return sum(toward(scores, 1.0) for scores in of_fake)


def discriminator_loss(of_fake: Scores, of_real: Scores) -> Float[Tensor, ""]:
    """Σ over scales of the means of D(x̂)² and (D(x) − 1)²."""
    return sum(toward(scores, 0.0) for scores in of_fake) + generator_loss(of_real)


def divergence(first: Logits, second: Logits) -> Float[Tensor, ""]:
    """KL(p₁ ‖ p₂) = Σ_c p₁ log(p₁ / p₂), averaged over the rows; p₁, p₂ the softmaxes of the logits."""
    log_first, log_second = functional.log_softmax(first, -1), functional.log_softmax(second, -1)
    return (log_first.exp() * (log_first - log_second)).sum(-1).mean()


def released_divergence(learner: Logits, teacher: Logits) -> Float[Tensor, ""]:
    """The release's: KL both ways, 1e-8 against empty probabilities, no gradient through the teacher (a real image)."""
    p, q = functional.softmax(learner, -1), functional.softmax(teacher.detach(), -1)
    e = RELEASED_EPSILON
    both = q * torch.log(e + q / (p + e)) + p * torch.log(e + p / (q + e))
    return both.sum(-1).mean()


def alignment(real: ByModality, fake: ByModality, kind: Literal["as_printed", "both_ways"]) -> Float[Tensor, ""]:
    """Instance-level alignment of paired images (Eq. 11; with an axis of regions, Eq. 12), from the predictions by
    modality for `real` images and for `fake` ones, made of the *other* modality's; "both_ways" is the release's."""
    if kind == "both_ways":
        return sum(released_divergence(fake[OTHER[name]], real[name]) for name in ("visible", "infrared"))
    # As printed: in both pairs the infrared image stands first.
    return divergence(real["infrared"], fake["visible"]) + divergence(fake["infrared"], real["visible"])


def unseen(mixed: Logits, first: Logits, second: Logits, share: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """KL(p_mix ‖ α p₁ + (1 − α) p₂) (Eq. 15): a mixed image against its soft label, which gets no gradient."""
    share = share[:, None]
    target = share * functional.softmax(first.detach(), 1) + (1 - share) * functional.softmax(second.detach(), 1)
    log_mixed = functional.log_softmax(mixed, 1)
    return (log_mixed.exp() * (log_mixed - target.clamp(min=1e-12).log())).sum(1).mean()


def variation(maps: Tensor, rebuilt: Tensor, mean: Tensor, deviation: Tensor, *, distribution_weight: float) -> Losses:
    """‖M − M̂‖₁ and ‖μ‖₂ + ‖τ − 1‖₂ of each sample (Eq. 10), means over the batch, divided by the values of a map."""
    values = maps[0].numel()
    norms = mean.norm(dim=1) + (deviation - 1).norm(dim=1)
    return {
        "variation_maps": (maps - rebuilt).abs().mean(),
        "variation_latents": distribution_weight * norms.mean() / values,
    }


def mix(first: Batched, second: Batched, share: Float[Tensor, " batch"]) -> Batched:
    """α first + (1 − α) second (Eq. 14), α for each sample."""
    share = share.view(-1, *(1,) * (first.ndim - 1))
    return share * first + (1 - share) * second
