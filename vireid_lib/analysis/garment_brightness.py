"""How bright a garment is in infrared: what differs between identities, and what varies within one.

A perfect generator of infrared draws the brightness of each person's garment once and keeps to it in all of the
person's pictures. One that gives every colour its average brightness has no variance between identities that the colour
does not explain; one that draws the brightness anew for each picture has it within identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from numpy import ndarray

from vireid_lib.data.grey import luminance


@dataclass(frozen=True)
class Spread:
    """Variance components of a measure of pictures, in the square of its unit.

    Attributes:
        between: variance of the identities' own values; unbiased, so it can fall below zero where there is none.
        within: variance of the pictures of one identity.
    """

    between: float
    within: float
    identities: int
    pictures: int

    @property
    def kept(self) -> float:
        """Share of the variance that is the identities' (the intraclass correlation): 1 is always the same brightness
        in a person's pictures, 0 drawn anew for each picture."""
        return self.between / (self.between + self.within)


def garment_brightness(
    pixels: UInt8[ndarray, "n height width 3"], masks: Float[ndarray, "#n height width"]
) -> Float[ndarray, " n"]:
    """Mean luminance (0..255) of each picture where its mask says.

    Args:
        masks: 0..1, one a picture (`miniworld.oracle.garment_masks`), or one for all: for pictures whose pose nobody
            knows, the mean mask of real pictures of the same cameras. Compare only numbers that were obtained alike.

    Raises:
        ValueError: a mask is zero everywhere.
    """
    total = masks.sum((1, 2))
    if not (total > 0).all():
        raise ValueError(f"garment_brightness: mask {int(np.argmin(total))} is zero everywhere; leave its picture out.")
    return (luminance(pixels) * masks).sum((1, 2)) / total


def identity_spread(
    values: Float[ndarray, " n"], identities: Sequence[str], cameras: Sequence[str], known: pd.DataFrame | None = None
) -> Spread:
    """Variance between and within identities, by one-way analysis of variance with unequal numbers of pictures (Searle,
    Casella and McCulloch 1992, chapter 3); what cameras add to all pictures is taken off first.

    Args:
        known: numbers by identity (the index) that explain some of the difference between identities, linearly, such
            as a garment's red, green and blue in visible light. `between` is then what they leave over.

    Raises:
        ValueError: too few identities, no identity with two pictures, or an identity that `known` lacks.
    """
    names, who = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
    explained = np.zeros((len(values), 0))
    if known is not None:
        if missing := sorted(set(names) - set(known.index)):
            raise ValueError(f"identity_spread: `known` lacks {len(missing)} identities, the first {missing[0]!r}.")
        explained = known.loc[names].to_numpy(float)[who]
    seen_by = pd.get_dummies(np.asarray(cameras, dtype=object)).to_numpy(float)
    degrees = len(names) - 1 - explained.shape[1], len(values) - len(names) - (seen_by.shape[1] - 1)
    if min(degrees) < 1:
        raise ValueError(
            f"identity_spread of {len(values)} pictures of {len(names)} identities: give more of both, at least two "
            "pictures of an identity."
        )
    design = np.concatenate([seen_by, explained], 1)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    counts = np.bincount(who)
    means = np.bincount(who, left) / counts
    mean_squares = (counts * means**2).sum() / degrees[0], ((left - means[who]) ** 2).sum() / degrees[1]
    typical = (len(values) - (counts**2).sum() / len(values)) / (len(names) - 1)
    return Spread((mean_squares[0] - mean_squares[1]) / typical, mean_squares[1], len(names), len(values))
