"""Which images make a batch: P identities, K visible and K infrared images of each, as a pure function."""

from abc import ABC, abstractmethod
from collections.abc import Collection

import numpy as np
import pandas as pd
from jaxtyping import Int, Int64

Labels = Int[np.ndarray, " _"]
"""The class of every image of one modality."""
Batch = tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]
"""Positions of visible and of infrared images, in pairs."""
Positions = tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]
"""Positions of a group's visible and infrared images."""


class Sampler(ABC):
    """Which images make each batch, as a pure function of epoch and step. Subclasses set `steps_per_epoch`."""

    steps_per_epoch: int

    def batch(self, epoch: int, step: int) -> Batch:
        """Positions among the visible and among the infrared images. Raises IndexError: an epoch has no such step."""
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step {step} is not in an epoch of {self.steps_per_epoch} steps, which count from 0.")
        return self._batch(epoch, step)

    @abstractmethod
    def _batch(self, epoch: int, step: int) -> Batch: ...


class EpochSampler(Sampler):
    """Draws an epoch at once from one stream, as the released codes do: a pure function of (seed, epoch, step).

    Epoch 0 of seed s is the very sequence of the released code after `np.random.seed(s)`; every further epoch has a
    stream of its own. Subclasses set `seed` too.
    """

    seed: int
    _held: tuple[int, list[Batch]] | None = None

    def _batch(self, epoch: int, step: int) -> Batch:
        if self._held is None or self._held[0] != epoch:
            self._held = (epoch, self._draw(np.random.RandomState(self.seed if epoch == 0 else [self.seed, epoch])))
        return self._held[1][step]

    @abstractmethod
    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        """At least `steps_per_epoch` batches."""


class IdentityPool:
    """Identities with the positions of their images in both modalities. Raises ValueError as the samplers say."""

    def __init__(self, visible: Labels, infrared: Labels, identities: int, redraw_below: int = 0) -> None:
        self.names = np.unique(visible)
        one_sided = np.setxor1d(self.names, np.unique(infrared))
        if one_sided.size:
            raise ValueError(f"label {one_sided[0]}, of {one_sided.size} such, is in one modality only; leave it out.")
        if len(self.names) < identities:
            raise ValueError(f"{identities} identities cannot be drawn from {len(self.names)}; lower `identities`.")
        # {class: ascending positions of its images}
        self.visible, self.infrared = (pd.Series(labels).groupby(labels).indices for labels in (visible, infrared))
        fewest = {name: min(len(self.visible[name]), len(self.infrared[name])) for name in self.visible}
        if max(fewest.values()) < redraw_below:
            raise ValueError(f"no identity has {redraw_below} images in both modalities; lower `redraw_below`.")
        self.too_few = {name for name, count in fewest.items() if count < redraw_below}

    def draw(self, stream: np.random.RandomState, identities: int, images: int) -> Batch:
        """Draw identities, then for each visible, then infrared images: the release's order of calls."""
        visible, infrared = [], []
        for name in stream.choice(self.names, identities, replace=False):
            while name in self.too_few:
                # Without replacement, which consumes the stream differently: so does DART.
                name = stream.choice(self.names, 1, replace=False)[0]
            visible.append(stream.choice(self.visible[name], images))
            infrared.append(stream.choice(self.infrared[name], images))
        return np.concatenate(visible), np.concatenate(infrared)


def split_groups(
    visible: Labels, infrared: Labels, external: Collection[int], identities: int, mix: float
) -> list[tuple[int, Positions]]:
    """For the data set's identities, then the external ones: their number in a batch, and their images' positions."""
    from_external = round(identities * mix)
    if not 0 < from_external < identities:
        raise ValueError(f"mix {mix} of {identities} identities gives {from_external} external ones; change it.")
    outside = [np.isin(labels, list(external)) for labels in (visible, infrared)]
    own, other = (tuple(np.flatnonzero(mask == there) for mask in outside) for there in (False, True))
    return [(identities - from_external, own), (from_external, other)]


def join_groups(chosen: list[tuple[Positions, Positions]]) -> Batch:
    """One batch of several groups', each with the positions of the group's images."""
    visible, infrared = ([of[side][some[side]] for of, some in chosen] for side in (0, 1))
    return np.concatenate(visible), np.concatenate(infrared)


class IdentitySampler(EpochSampler):
    """The identity sampler of AGW, CAJ and DEEN.

    A batch is P different identities; for each, K visible and K infrared images drawn with replacement, the identities
    in the same order in both modalities. An epoch is floor(N / (P·K)) + 1 batches, N the images of the larger modality:
    what the released iterator gives, one more than its `len(loader)` says. Raises ValueError: an identity lacks a
    modality, or there are fewer than P identities.

    Args:
        visible, infrared: the class of every image; `batch` returns P·K positions in each, identity by identity.
        identities, images: P and K.
        redraw_below: DART's variant: an identity with fewer images than this in a modality is replaced by one drawn
            from all identities, which may then be in the batch twice. 0 never replaces.
    """

    def __init__(
        self, visible: Labels, infrared: Labels, *, identities: int, images: int, seed: int, redraw_below: int = 0
    ) -> None:
        self.identities, self.images, self.seed, self.redraw_below = identities, images, seed, redraw_below
        self._pool = IdentityPool(visible, infrared, identities, redraw_below)
        self.steps_per_epoch = max(len(visible), len(infrared)) // (identities * images) + 1

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        return [self._pool.draw(stream, self.identities, self.images) for _ in range(self.steps_per_epoch)]


class MixedIdentitySampler(Sampler):
    """Batches with a fixed share of identities from external data, for training on V* and I*.

    Each batch has round(P·mix) external identities after the others, so that a large external set cannot crowd out the
    data set that is tested. Otherwise as `IdentitySampler`, N being the images of both groups together.

    Trainings of one seed are paired batch by batch: the n-th batch of a training (n counts over epochs) draws each
    group from a stream of its own, a function of (seed, n, group). The data set's identities and images are therefore
    the same whatever the external set is, and the external ones are the same places in their identities' lists of
    images, if they are as many. Without external classes the batch starts with the very identities and images that it
    would have beside external ones, and further ones of the data set fill their places. Raises ValueError: as
    `IdentitySampler`, or `mix` leaves a group without a place in the batch.

    Args:
        external: the classes that belong to the external group; with none, every batch is of the others alone.
        mix: the share of a batch's identities that is external, strictly between 0 and 1.
        redraw_below: as in `IdentitySampler`, of the data set's identities, whose labels may be wrong.
    """

    def __init__(
        self,
        visible: Labels,
        infrared: Labels,
        *,
        external: Collection[int],
        identities: int,
        images: int,
        seed: int,
        mix: float = 0.5,
        redraw_below: int = 0,
    ) -> None:
        self.images, self.seed = images, seed
        everything = (np.arange(len(visible)), np.arange(len(infrared)))
        groups = [(identities, everything)]
        if external:
            groups = split_groups(visible, infrared, external, identities, mix)
        self._groups = [
            (share, IdentityPool(visible[positions[0]], infrared[positions[1]], share, below), positions)
            for (share, positions), below in zip(groups, (redraw_below, 0), strict=False)
        ]
        self.steps_per_epoch = max(len(visible), len(infrared)) // (identities * images) + 1

    def _batch(self, epoch: int, step: int) -> Batch:
        number = epoch * self.steps_per_epoch + step  # epochs are longer with external images, batches are not
        streams = (np.random.RandomState([self.seed, number, group]) for group in range(len(self._groups)))
        groups = zip(streams, self._groups, strict=True)
        return join_groups([(own, pool.draw(stream, share, self.images)) for stream, (share, pool, own) in groups])


class AllImagesSampler(EpochSampler):
    """Every image once an epoch, in random order, whatever its identity: DART's warm-up and its noise modelling.

    Visible and infrared images, given by their numbers, are drawn apart, so that those of a batch do not pair. The list
    of each modality starts again from its front until it fills all batches, of `images` of each modality (as released;
    the smaller modality is therefore seen several times).
    """

    def __init__(self, visible: int, infrared: int, *, images: int, seed: int) -> None:
        self.counts, self.images, self.seed = (visible, infrared), images, seed
        self.steps_per_epoch = max(self.counts) // images + 1

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        orders = [np.resize(np.arange(count), self.steps_per_epoch * self.images) for count in self.counts]
        for order in orders:
            stream.shuffle(order)
        return list(zip(*(np.split(order, self.steps_per_epoch) for order in orders), strict=True))
