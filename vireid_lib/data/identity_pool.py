"""What the identity samplers share: the images of each identity, the groups of a mixture, the random stream."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int, Int64

Batch = tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]


class IdentityPool:
    """Identities with the positions of their images in both modalities."""

    def __init__(
        self, labels_visible: np.ndarray, labels_infrared: np.ndarray, identities: int, redraw_below: int
    ) -> None:
        self.names = np.unique(labels_visible)
        self.redraw_below = redraw_below
        one_sided = np.setxor1d(self.names, np.unique(labels_infrared))
        if one_sided.size:
            raise ValueError(
                f"label {one_sided[0]} has images in one modality only ({one_sided.size} such identities); "
                "leave them out of training, or add rows of the other modality."
            )
        if len(self.names) < identities:
            raise ValueError(
                f"a batch of {identities} identities cannot be drawn from {len(self.names)}; lower `identities`."
            )
        self.visible = _positions(labels_visible)
        self.infrared = _positions(labels_infrared)
        fewest = {name: min(len(self.visible[name]), len(self.infrared[name])) for name in self.visible}
        if max(fewest.values()) < redraw_below:
            raise ValueError(
                f"no identity has {redraw_below} images in both modalities; lower `redraw_below` or `images`."
            )
        self.too_few = {name for name, count in fewest.items() if count < redraw_below}

    def draw(self, stream: np.random.RandomState, identities: int, images: int) -> Batch:
        """Draw identities, then for each visible, then infrared images: the release's order of calls."""
        visible, infrared = [], []
        for name in stream.choice(self.names, identities, replace=False):
            while int(name) in self.too_few:
                # Without replacement, which consumes the stream differently: so does DART.
                name = stream.choice(self.names, 1, replace=False)[0]
            visible.append(stream.choice(self.visible[int(name)], images))
            infrared.append(stream.choice(self.infrared[int(name)], images))
        return np.concatenate(visible), np.concatenate(infrared)


def _positions(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return {class: ascending positions of its images}."""
    order = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def epoch_stream(seed: int, epoch: int) -> np.random.RandomState:
    """The released codes' stream in epoch 0, one of its own in every further epoch."""
    return np.random.RandomState(seed if epoch == 0 else [seed, epoch])


def check_step(step: int, steps: int) -> None:
    """Refuse a step that an epoch of `steps` does not have."""
    if not 0 <= step < steps:
        raise IndexError(f"step {step} is not in an epoch of {steps} steps (0 to {steps - 1}).")


def split_groups(
    labels_visible: Int[np.ndarray, " visible"],
    labels_infrared: Int[np.ndarray, " infrared"],
    external: Collection[int],
    identities: int,
    mix: float,
) -> list[tuple[int, tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]]]:
    """For the data set's identities, then the external ones: their number in a batch, and the positions of
    their visible and infrared images.

    Raises:
        ValueError: `mix` leaves a group without a place in the batch.
    """
    from_external = round(identities * mix)
    if not 0 < from_external < identities:
        raise ValueError(
            f"mix {mix} of {identities} identities gives {from_external} external ones; both groups need "
            "a place: choose another mix, or IdentitySampler for one group."
        )
    names = np.array(sorted(external), dtype=np.int64)
    outside = [np.isin(labels, names) for labels in (labels_visible, labels_infrared)]
    return [
        (identities - from_external, tuple(np.flatnonzero(~mask) for mask in outside)),
        (from_external, tuple(np.flatnonzero(mask) for mask in outside)),
    ]
