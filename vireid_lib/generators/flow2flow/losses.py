"""The losses of Flow2Flow on latents and features, Eq. 9 to 13."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vireid_lib.reid.losses.distances import pairwise_distances

EPSILON = 1e-6  # inside the root of a distance, as released: its gradient stays finite where two features agree
RELEASED_NUMERATOR = 10.0
Scalar, Term = Float[Tensor, ""], Literal["difference", "ratio"]


def flow_loss(latents: Float[Tensor, "batch ..."], log_determinant: Float[Tensor, " batch"]) -> Scalar:
    """½ Σ z² − log|det J|, averaged over the images: the negative log-likelihood under a standard normal, in nats
    and without its constants (Eq. 9, one of the two flows)."""
    return (latents.square().flatten(1).sum(1) / 2 - log_determinant).mean()


def noise_loss(latents: Float[Tensor, "batch ..."], labels: Int[Tensor, " batch"], term: Term = "difference") -> Scalar:
    """Latents of one identity together, of different ones apart (Eq. 10): mean distance within minus mean distance
    between. The release's "ratio" adds 10 / max(1, mean distance between) instead, which is constant below 1, and in a
    batch of a single identity. An image's distance to itself is left out."""
    distances = pairwise_distances(latents.flatten(1))
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    within, others = distances[same & ~itself].mean(), distances[~same]
    between = others.mean() if len(others) else distances.new_zeros(())
    return within - between if term == "difference" else within + RELEASED_NUMERATOR / between.clamp(min=1.0)


def identity_distance(
    features: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"], labels: Int[Tensor, " n"], other_labels: Tensor
) -> Scalar:
    """Mean Euclidean distance, 0 to 2, of features of real images and of `others`, of generated ones, all of unit
    length, over the pairs of one identity (Eq. 12, one of two encoders). The encoders minimise 2 − this (Eq. 13)."""
    apart = (1 - features @ others.t()).clamp(min=0)  # rounding takes equal features below 0
    distances = (2 * (apart + EPSILON)).sqrt()
    return distances[labels[:, None] == other_labels[None, :]].mean()
