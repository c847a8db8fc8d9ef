"""What a method is to the trainer and to the evaluation: a network, its losses, its recipe."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn
from torch.optim import Optimizer

from vireid_lib.data import sampling
from vireid_lib.reid.config import ReidConfig

Classes = Int64[np.ndarray, "_"]  # of each training image of a modality


@dataclass
class Batch:
    """P identities × K images in each modality, on the training device; after `Method.augment`, what the network takes.
    A method that shows an image several times (CAJ) makes images and labels longer. The rows of the images in the
    training table are for methods that keep something per image (DART). Rows, and the generator of the step's random
    numbers, are on the CPU, so that every device draws the same."""

    visible: Float[Tensor, "visible 3 height width"]  # in 0..1, until augmented
    infrared: Float[Tensor, "infrared 3 height width"]
    visible_labels: Int[Tensor, " visible"]  # classes 0..C−1
    infrared_labels: Int[Tensor, " infrared"]
    visible_rows: Int[Tensor, " visible_images"]
    infrared_rows: Int[Tensor, " infrared_images"]
    generator: torch.Generator
    epoch: int = 0

    @property
    def labels(self) -> Int[Tensor, " rows"]:
        """Labels of the network's output rows: the visible images, then the infrared ones."""
        return torch.cat((self.visible_labels, self.infrared_labels))


class Method:
    """Base of the methods. A subclass in `vireid_lib/reid/methods/<name>.py`, named there as `METHOD`, has a
    `config_class` and these members, of which `sampler`, `start_training` and `start_epoch` have defaults. The network
    is trained as `network(...)` by `loss`, and has `features(images, modality) -> [B, D]`.

    A method that is trained together with a generator lies in that one's package, which it names as `starts_from`: its
    training starts from the fitted generator (see `vireid_lib.experiment.method_registry`)."""

    starts_from: ClassVar[str | None] = None
    config_class: ClassVar[type[ReidConfig]]
    config: ReidConfig
    network: nn.Module

    def augment(self, batch: Batch) -> Batch:
        """Turn images in 0..1 into the network's input, drawing from `batch.generator` alone."""
        raise NotImplementedError(f"{type(self).__name__} has no augment")

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of an augmented batch by name; "total" is minimised, the others are shown with it."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def optimizer(self) -> Optimizer:
        """The optimiser with its groups, each at its base learning rate."""
        raise NotImplementedError(f"{type(self).__name__} has no optimizer")

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        """Share of each group's base learning rate in `epoch`, at `step` of `steps` in all (0-based)."""
        raise NotImplementedError(f"{type(self).__name__} has no learning_rate")

    @classmethod
    def sampler(
        cls, config: ReidConfig, visible: Classes, infrared: Classes, *, external: Collection[int], seed: int
    ) -> sampling.Sampler:
        """What draws the batches for the classes of all visible and infrared training images, of which `external`
        belong to external identities. With `config.mix`, trainings on real images alone are drawn by the same sampler,
        so that a seed's trainings are paired (see `sampling.MixedIdentitySampler`). Published recipes have no mix and
        draw as their releases do."""
        counts = {"seed": seed, **config.model_dump(include={"identities", "images", "redraw_below"})}
        if config.mix is None:
            return sampling.IdentitySampler(visible, infrared, **counts)
        return sampling.MixedIdentitySampler(visible, infrared, external=external, mix=config.mix, **counts)

    def start_training(self, table: pd.DataFrame) -> None:
        """Look at the training table, before a checkpoint is loaded: make room for what is kept per row, say."""

    def start_epoch(self, epoch: int, every_image: Callable[[], Iterator[Batch]]) -> None:
        """Look at all training images before the first step of an epoch: `every_image` goes through them in random
        order, P·K of each modality in a batch, not augmented; what fills the last batch is repeated. Not called again
        when a run resumes within the epoch: keep what is found in buffers of `network`."""
