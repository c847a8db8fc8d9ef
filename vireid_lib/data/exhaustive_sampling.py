"""MPANet's samplers: an epoch shows an identity's images without repeating them, or each identity once."""

from collections.abc import Collection

import numpy as np

from vireid_lib.data.sampling import Batch, EpochSampler, IdentityPool, Labels, Sampler, join_groups, split_groups


class ExhaustiveIdentitySampler(EpochSampler):
    """MPANet's sampler (`identity_random` in its released code).

    At the start of an epoch, each identity's images of its larger modality are subsampled to as many as it has of the
    other, shuffled, paired, and cut into portions of K + K. A batch takes a portion of each of P identities; an
    identity whose portions are used up is out, and the epoch ends when fewer than P are left. The released epochs
    differ in length by a batch or so; here each has as many as epoch 0: what is missing comes from a further draw.

    Arguments and errors are as in `IdentitySampler`; the released `k_size` is 2·K. An identity with fewer than K images
    in a modality is drawn with replacement to K there (where one modality falls short, the released code stops).
    """

    def __init__(self, visible: Labels, infrared: Labels, *, identities: int, images: int, seed: int) -> None:
        self.identities, self.images, self.seed, self.steps_per_epoch = identities, images, seed, 1
        self._pool = IdentityPool(visible, infrared, identities)
        first = np.unique(infrared, return_index=True)[1]
        self._names = infrared[np.sort(first)].tolist()  # in the order of their first infrared image
        self.batch(0, 0)
        self.steps_per_epoch = len(self._held[1])

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        batches: list[Batch] = []
        while len(batches) < self.steps_per_epoch:
            batches += self._draw_once(stream)
        return batches

    def _draw_once(self, stream: np.random.RandomState) -> list[Batch]:
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


class OnceAnEpochSampler(EpochSampler):
    """`identity_uniform` in MPANet's released code: each identity in one batch of an epoch, which is short.

    K visible and K infrared images of each, drawn without replacement where there are that many. The last identities of
    the epoch's order, too few for a batch, are left out. Arguments and errors as in `ExhaustiveIdentitySampler`.
    """

    def __init__(self, visible: Labels, infrared: Labels, *, identities: int, images: int, seed: int) -> None:
        self.identities, self.images, self.seed = identities, images, seed
        self._pool = IdentityPool(visible, infrared, identities)
        self.steps_per_epoch = len(self._pool.names) // identities

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        def some(images: np.ndarray) -> np.ndarray:
            return stream.choice(images, self.images, replace=len(images) < self.images)

        order, batches = self._pool.names[stream.permutation(len(self._pool.names))].tolist(), []
        for start in range(0, self.steps_per_epoch * self.identities, self.identities):
            names, sides = order[start : start + self.identities], (self._pool.visible, self._pool.infrared)
            batches.append(tuple(np.concatenate([some(side[name]) for name in names]) for side in sides))
        return batches


class MixedExhaustiveSampler(Sampler):
    """Batches with a fixed share of identities from external data, which come last, by one of the samplers above.

    The released code knows no mixture. Here each group has a sampler of its own, for its share of the identities; an
    epoch is one of the data set's own identities, and the external ones go through epochs of theirs meanwhile.

    `kind` is one of these two; the other arguments and errors are as in `MixedIdentitySampler`.
    """

    def __init__(
        self,
        kind: type[ExhaustiveIdentitySampler] | type[OnceAnEpochSampler],
        visible: Labels,
        infrared: Labels,
        *,
        external: Collection[int],
        identities: int,
        images: int,
        seed: int,
        mix: float = 0.5,
    ) -> None:
        self._groups = []
        for group, (share, positions) in enumerate(split_groups(visible, infrared, external, identities, mix)):
            labels = (side[places] for side, places in zip((visible, infrared), positions, strict=True))
            sampler = kind(*labels, identities=share, images=images, seed=(seed + group) % 2**32)
            self._groups.append((sampler, positions))
        self.steps_per_epoch = self._groups[0][0].steps_per_epoch

    def _batch(self, epoch: int, step: int) -> Batch:
        done = epoch * self.steps_per_epoch + step
        return join_groups([(own, each.batch(*divmod(done, each.steps_per_epoch))) for each, own in self._groups])
