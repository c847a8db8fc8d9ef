"""The loss playground: two people in a plane, what each metric loss makes of them, and where it pushes each image."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.hard_triplet import hard_triplet
from vireid_lib.reid.losses.hetero_centre_triplet import hetero_centre_triplet
from vireid_lib.reid.losses.intra_identity_diversification import intra_identity_diversification
from vireid_lib.reid.losses.weighted_regularized_triplet import enhanced_squared_triplet, weighted_regularized_triplet

IMAGES = 3  # of each person in each modality
PEOPLE = ("A", "B")
# The images of one person in one modality, around their centre.
SHAPE = np.array([[-0.9, 0.3], [0.2, -0.8], [0.7, 0.5]])


@dataclass(frozen=True, eq=False)
class Push:
    """What a loss says of the points.

    Attributes:
        value: of the loss.
        steps: [12, 2], where a small step of gradient descent moves each point: the negative gradient.
    """

    value: float
    steps: Float[np.ndarray, "points 2"]


def labels() -> tuple[list[str], list[str]]:
    """(identity, modality) of each of the twelve points: visible A, visible B, infrared A, infrared B."""
    people = [person for _ in range(2) for person in PEOPLE for _ in range(IMAGES)]
    return people, ["visible"] * (2 * IMAGES) + ["infrared"] * (2 * IMAGES)


def arrange(apart: float = 1.2, gap: float = 1.8, spread: float = 0.5) -> Float[np.ndarray, "points 2"]:
    """Twelve features in a plane.

    Args:
        apart: distance between the people, along x. gap: between the modalities, along y.
        spread: size of each cloud of three images.
    """
    centres = [(x * apart, y * gap) for y in (0.5, -0.5) for x in (-0.5, 0.5)]
    return np.concatenate([np.add(centre, spread * SHAPE) for centre in centres])


def losses(margin: float = 0.3) -> dict[str, Callable[[Tensor], Tensor]]:
    """The metric losses by name, each a function of the twelve points.

    CPM needs the embeddings that DEEN's expansion generates; there being no network here, each lies where its image
    does, as from an expansion that has learned nothing yet.

    Args:
        margin: of all losses that have one.
    """
    identity = torch.tensor([PEOPLE.index(person) for person in labels()[0]])
    half = len(identity) // 2
    own = identity[:half]

    def mined(points: Tensor) -> Tensor:
        both = points[:half], points[half:]
        return centre_guided_pair_mining(*both, *both, own, own, margin=margin)

    def diversified(points: Tensor) -> Tensor:
        return intra_identity_diversification(
            points[:half], points[half:], own, own, positive_margin=margin, negative_margin=margin
        )

    return {
        "hard triplet": lambda points: hard_triplet(points, identity, margin=margin),
        "WRT (AGW)": lambda points: weighted_regularized_triplet(points, identity),
        "squared triplet (CAJ)": lambda points: enhanced_squared_triplet(points, identity),
        "hetero-centre triplet": lambda points: hetero_centre_triplet(
            points[:half], points[half:], own, own, margin=margin
        ),
        "CPM (DEEN)": mined,
        "IRD: PE + NE (DEN)": diversified,
    }


def pushes(points: Float[np.ndarray, "points 2"], margin: float = 0.3) -> dict[str, Push]:
    """Value and negative gradient of every loss at `points` (in the order of `labels`)."""
    found = {}
    for name, loss in losses(margin).items():
        places = torch.tensor(np.asarray(points), dtype=torch.float64, requires_grad=True)
        value = loss(places)
        (gradient,) = torch.autograd.grad(value, places)
        found[name] = Push(value.item(), -gradient.numpy())
    return found
