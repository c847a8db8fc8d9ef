"""Which images make a batch: P identities, K visible and K infrared images of each, as a pure function."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int

from vireid_lib.data.identity_pool import Batch, IdentityPool, check_step, epoch_stream, split_groups


class IdentitySampler:
    """The identity sampler of AGW, CAJ and DEEN, as a pure function of (seed, epoch, step).

    A batch is P different identities; for each, K visible and K infrared images drawn with replacement, the
    identities in the same order in both modalities. An epoch is floor(N / (P·K)) + 1 batches, N the images of
    the larger modality: what the released iterator gives, one more than its `len(loader)` says. Epoch 0 of
    seed s is the very sequence of the released code after `np.random.seed(s)`; every further epoch has its
    own stream, so that a run resumed at any step sees the batches of an unbroken one.

    Args:
        labels_visible, labels_infrared: the class of every visible and infrared image; `batch` returns
            positions in these.
        identities: P, identities in a batch.
        images: K, images of one identity and modality in a batch.
        seed: of all draws.
        redraw_below: DART's variant: an identity with fewer images than this in a modality is replaced by
            one drawn from all identities, which may then be in the batch twice. 0 never replaces.

    Raises:
        ValueError: an identity lacks a modality, or there are fewer than P identities.
    """

    def __init__(
        self,
        labels_visible: Int[np.ndarray, " visible"],
        labels_infrared: Int[np.ndarray, " infrared"],
        *,
        identities: int,
        images: int,
        seed: int,
        redraw_below: int = 0,
    ) -> None:
        self.identities, self.images, self.seed, self.redraw_below = identities, images, seed, redraw_below
        self._pool = IdentityPool(labels_visible, labels_infrared, identities, redraw_below)
        larger = max(len(labels_visible), len(labels_infrared))
        self.steps_per_epoch = larger // (identities * images) + 1
        self._epoch: tuple[int, list[Batch]] | None = None

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images, P·K each, identity by identity.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            # The release draws a whole epoch from one stream, so the epoch is drawn at once and kept.
            stream = epoch_stream(self.seed, epoch)
            self._epoch = (epoch, [self._draw(stream) for _ in range(self.steps_per_epoch)])
        return self._epoch[1][step]

    def _draw(self, stream: np.random.RandomState) -> Batch:
        return self._pool.draw(stream, self.identities, self.images)


class MixedIdentitySampler:
    """Batches with a fixed share of identities from external data, for training on V* and I*.

    Each batch has round(P·mix) external identities after the others, so that a large external set cannot
    crowd out the data set that is tested. `batch` and `steps_per_epoch` are as in `IdentitySampler`, N being
    the images of both groups together.

    Args:
        labels_visible, labels_infrared, identities, images, seed: as in `IdentitySampler`.
        external: the classes that belong to the external group.
        mix: the share of a batch's identities that is external, strictly between 0 and 1.

    Raises:
        ValueError: a group has too few identities or an identity lacks a modality, or `mix` leaves a group
            without a place in the batch.
    """

    def __init__(
        self,
        labels_visible: Int[np.ndarray, " visible"],
        labels_infrared: Int[np.ndarray, " infrared"],
        *,
        external: Collection[int],
        identities: int,
        images: int,
        seed: int,
        mix: float = 0.5,
    ) -> None:
        self.images, self.seed = images, seed
        self._shares = []
        for share, positions in split_groups(labels_visible, labels_infrared, external, identities, mix):
            pool = IdentityPool(labels_visible[positions[0]], labels_infrared[positions[1]], share, 0)
            self._shares.append((share, pool, positions))
        larger = max(len(labels_visible), len(labels_infrared))
        self.steps_per_epoch = larger // (identities * images) + 1

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images; the external identities come last.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        stream = np.random.RandomState([self.seed, epoch, step])
        visible, infrared = [], []
        for share, pool, (from_visible, from_infrared) in self._shares:
            in_visible, in_infrared = pool.draw(stream, share, self.images)
            visible.append(from_visible[in_visible])
            infrared.append(from_infrared[in_infrared])
        return np.concatenate(visible), np.concatenate(infrared)


class AllImagesSampler:
    """Every image once an epoch, in random order, whatever its identity: DART's warm-up and its noise modelling.

    Visible and infrared images are drawn apart, so that those of a batch do not pair. The list of each modality
    starts again from its front until it fills all batches (as released; the smaller modality is therefore seen
    several times).

    Args:
        visible, infrared: number of images of each modality; `batch` returns positions among these.
        images: of each modality in a batch.
        seed: of all draws.

    Raises:
        ValueError: a modality has no image.
    """

    def __init__(self, visible: int, infrared: int, *, images: int, seed: int) -> None:
        if not visible or not infrared:
            raise ValueError(f"There are {visible} visible and {infrared} infrared images; both are needed.")
        self.counts, self.images, self.seed = (visible, infrared), images, seed
        self.steps_per_epoch = max(self.counts) // images + 1
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            stream, orders = epoch_stream(self.seed, epoch), []
            for count in self.counts:
                order = np.resize(np.arange(count), self.steps_per_epoch * self.images)
                stream.shuffle(order)
                orders.append(order)
            self._epoch = (epoch, orders)
        visible, infrared = self._epoch[1]
        some = slice(step * self.images, (step + 1) * self.images)
        return visible[some], infrared[some]
