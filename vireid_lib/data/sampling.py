"""Which images make a batch: P identities, K visible and K infrared images of each, as a pure function."""

from collections.abc import Collection

import numpy as np

from vireid_lib.data.identity_pool import (
    Batch,
    EpochSampler,
    IdentityPool,
    Labels,
    check_step,
    join_groups,
    split_groups,
)


class IdentitySampler(EpochSampler):
    """The identity sampler of AGW, CAJ and DEEN.

    A batch is P different identities; for each, K visible and K infrared images drawn with replacement, the identities
    in the same order in both modalities. An epoch is floor(N / (P·K)) + 1 batches, N the images of the larger
    modality: what the released iterator gives, one more than its `len(loader)` says.

    Args:
        visible, infrared: the class of every visible and infrared image; `batch` returns positions in these, P·K each,
            identity by identity.
        identities: P, identities in a batch.
        images: K, images of one identity and modality in a batch.
        seed: of all draws.
        redraw_below: DART's variant: an identity with fewer images than this in a modality is replaced by one drawn
            from all identities, which may then be in the batch twice. 0 never replaces.

    Raises:
        ValueError: an identity lacks a modality, or there are fewer than P identities.
    """

    def __init__(
        self, visible: Labels, infrared: Labels, *, identities: int, images: int, seed: int, redraw_below: int = 0
    ) -> None:
        self.identities, self.images, self.seed, self.redraw_below = identities, images, seed, redraw_below
        self._pool = IdentityPool(visible, infrared, identities, redraw_below)
        self.steps_per_epoch = max(len(visible), len(infrared)) // (identities * images) + 1

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        return [self._pool.draw(stream, self.identities, self.images) for _ in range(self.steps_per_epoch)]


class MixedIdentitySampler:
    """Batches with a fixed share of identities from external data, for training on V* and I*.

    Each batch has round(P·mix) external identities after the others, so that a large external set cannot crowd out the
    data set that is tested. Otherwise as `IdentitySampler`, N being the images of both groups together; every step has
    a stream of its own.

    Args:
        external: the classes that belong to the external group.
        mix: the share of a batch's identities that is external, strictly between 0 and 1.

    Raises:
        ValueError: as `IdentitySampler`, or `mix` leaves a group without a place in the batch.
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
    ) -> None:
        self.images, self.seed = images, seed
        self._groups = [
            (share, IdentityPool(visible[positions[0]], infrared[positions[1]], share), positions)
            for share, positions in split_groups(visible, infrared, external, identities, mix)
        ]
        self.steps_per_epoch = max(len(visible), len(infrared)) // (identities * images) + 1

    def batch(self, epoch: int, step: int) -> Batch:
        """As `EpochSampler.batch`; the external identities come last."""
        check_step(step, self.steps_per_epoch)
        stream = np.random.RandomState([self.seed, epoch, step])
        return join_groups(
            [(positions, pool.draw(stream, share, self.images)) for share, pool, positions in self._groups]
        )


class AllImagesSampler(EpochSampler):
    """Every image once an epoch, in random order, whatever its identity: DART's warm-up and its noise modelling.

    Visible and infrared images are drawn apart, so that those of a batch do not pair. The list of each modality starts
    again from its front until it fills all batches (as released; the smaller modality is therefore seen several times).

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

    def _draw(self, stream: np.random.RandomState) -> list[Batch]:
        orders = []
        for count in self.counts:
            orders.append(np.resize(np.arange(count), self.steps_per_epoch * self.images))
            stream.shuffle(orders[-1])
        return list(zip(*(np.split(order, self.steps_per_epoch) for order in orders), strict=True))
