"""MPANet's samplers: an epoch shows an identity's images without repeating them, or each identity once."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int

from vireid_lib.data.identity_pool import Batch, IdentityPool, check_step, epoch_stream, split_groups


class ExhaustiveIdentitySampler:
    """MPANet's sampler (`identity_random` in its released code), as a pure function of (seed, epoch, step).

    At the start of an epoch, each identity's images of its larger modality are thinned at random to as many as
    it has of the other, shuffled, paired, and cut into portions of K + K. A batch takes a portion of each of P
    identities; an identity whose portions are used up is out, and the epoch ends when fewer than P are left.
    Many images of the larger modality and some portions are therefore not seen in an epoch.

    Epoch 0 of seed s is the very sequence of the released code after `np.random.seed(s)`. The released epochs
    differ in length by a batch or so; here each has as many as epoch 0, so that a step's epoch is known without
    drawing all epochs before it: what is missing comes from a further draw, what is too much is left out.

    Args:
        labels_visible, labels_infrared: the class of every visible and infrared image; `batch` returns
            positions in these.
        identities: P, identities in a batch.
        images: K, images of one identity *and modality* in a batch; the released `k_size` is 2·K. An identity
            with fewer than K images in a modality is drawn with replacement to K there, as released where
            both modalities fall short (where one does, the released code stops with an error).
        seed: of all draws.

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
    ) -> None:
        self.identities, self.images, self.seed = identities, images, seed
        self._pool = IdentityPool(labels_visible, labels_infrared, identities, 0)
        first = np.unique(labels_infrared, return_index=True)[1]
        self._names = labels_infrared[np.sort(first)].tolist()  # in the order of their first infrared image
        self._epoch = (0, self._draw(epoch_stream(seed, 0)))
        self.steps_per_epoch = len(self._epoch[1])

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images, P·K each, identity by identity.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            stream = epoch_stream(self.seed, epoch)
            batches = self._draw(stream)
            while len(batches) < self.steps_per_epoch:
                batches += self._draw(stream)
            self._epoch = (epoch, batches)
        return self._epoch[1][step]

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        """The released code's order of calls: the portions of all identities, then who is in which batch."""
        portions = {name: self._portions(name, stream) for name in self._names}
        left, batches = list(self._names), []
        while len(left) >= self.identities:
            infrared, visible = [], []
            for name in stream.choice(left, self.identities, replace=False).tolist():
                for images, portion in zip((infrared, visible), portions[name].pop(0), strict=True):
                    images.append(portion)
                if not portions[name]:
                    left.remove(name)
            batches.append((np.concatenate(visible), np.concatenate(infrared)))
        return batches

    def _portions(self, name: int, stream: np.random.RandomState) -> list[tuple[np.ndarray, np.ndarray]]:
        sides = [self._pool.infrared[name], self._pool.visible[name]]
        sides = [stream.choice(side, self.images) if len(side) < self.images else side for side in sides]
        pairs = min(map(len, sides))
        sides = [stream.choice(side, pairs, replace=False) if len(side) > pairs else side.copy() for side in sides]
        for side in sides:
            stream.shuffle(side)
        starts = range(0, pairs - self.images + 1, self.images)
        return [tuple(side[start : start + self.images] for side in sides) for start in starts]


class OnceAnEpochSampler:
    """`identity_uniform` in MPANet's released code: each identity in one batch of an epoch, which is short.

    K visible and K infrared images of each, drawn without replacement where there are that many. The last
    identities of the epoch's order, too few for a batch, are left out. Arguments, errors and the meaning of
    epoch 0 as in `ExhaustiveIdentitySampler`.
    """

    def __init__(
        self,
        labels_visible: Int[np.ndarray, " visible"],
        labels_infrared: Int[np.ndarray, " infrared"],
        *,
        identities: int,
        images: int,
        seed: int,
    ) -> None:
        self.identities, self.images, self.seed = identities, images, seed
        self._pool = IdentityPool(labels_visible, labels_infrared, identities, 0)
        self.steps_per_epoch = len(self._pool.names) // identities

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images, P·K each, identity by identity.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        stream = epoch_stream(self.seed, epoch)
        order = self._pool.names[stream.permutation(len(self._pool.names))].tolist()
        for start in range(step + 1):  # an epoch is drawn from one stream, batch after batch
            names = order[start * self.identities : (start + 1) * self.identities]
            visible, infrared = (
                [stream.choice(of[name], self.images, replace=len(of[name]) < self.images) for name in names]
                for of in (self._pool.visible, self._pool.infrared)
            )
        return np.concatenate(visible), np.concatenate(infrared)


class MixedExhaustiveSampler:
    """Batches with a fixed share of identities from external data, by one of the samplers above.

    The released code knows no mixture. Here each group has a sampler of its own, for its share of the
    identities; an epoch is one of the data set's own identities, and the external ones go through epochs of
    theirs meanwhile. `batch` puts the external identities last.

    Args:
        kind: `ExhaustiveIdentitySampler` or `OnceAnEpochSampler`.
        external: the classes that belong to the external group.
        mix: the share of a batch's identities that is external, strictly between 0 and 1.
        labels_visible, labels_infrared, identities, images, seed: as there.

    Raises:
        ValueError: a group has too few identities or an identity lacks a modality, or `mix` leaves a group
            without a place in the batch.
    """

    def __init__(
        self,
        kind: type[ExhaustiveIdentitySampler] | type[OnceAnEpochSampler],
        labels_visible: Int[np.ndarray, " visible"],
        labels_infrared: Int[np.ndarray, " infrared"],
        *,
        external: Collection[int],
        identities: int,
        images: int,
        seed: int,
        mix: float = 0.5,
    ) -> None:
        self._groups = []
        groups = split_groups(labels_visible, labels_infrared, external, identities, mix)
        for group, (share, positions) in enumerate(groups):
            labels = (side[places] for side, places in zip((labels_visible, labels_infrared), positions, strict=True))
            sampler = kind(*labels, identities=share, images=images, seed=(seed + group) % 2**32)
            self._groups.append((sampler, positions))
        self.steps_per_epoch = self._groups[0][0].steps_per_epoch

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the positions of the visible and of the infrared images; the external identities come last.

        Raises:
            IndexError: the epoch has no such step.
        """
        check_step(step, self.steps_per_epoch)
        visible, infrared = [], []
        for sampler, positions in self._groups:
            chosen = sampler.batch(*divmod(epoch * self.steps_per_epoch + step, sampler.steps_per_epoch))
            visible.append(positions[0][chosen[0]])
            infrared.append(positions[1][chosen[1]])
        return np.concatenate(visible), np.concatenate(infrared)
