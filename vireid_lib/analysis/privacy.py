"""Has a generator memorised training images? Distances to the nearest training image, compared with real images'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from vireid_lib.analysis.fidelity import brightness
from vireid_lib.analysis.ssim import ssim

THUMBNAIL = (16, 8)
CANDIDATES = 5
QUANTILE = 0.01
"""Share of real images that would be flagged as copies: the rate to compare with."""

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Audit:
    """Nearest training images of a synthetic set.

    Attributes:
        nearest: row of the training image nearest to each synthetic one.
        distances: to it.
        real: the distance of each real image to the nearest training image of another identity or another camera, which
            cannot be a frame of the same recording.
        quantile: share of `real` below the threshold.
        space: what the distance is.
    """

    nearest: Int64[ndarray, " synthetic"]
    distances: Float[ndarray, " synthetic"]
    real: Float[ndarray, " reals"]
    quantile: float
    space: str

    @property
    def threshold(self) -> float:
        """Nearer than this are only the nearest `quantile` of real images."""
        return float(np.quantile(self.real, self.quantile))

    @property
    def flagged(self) -> Bool[ndarray, " synthetic"]:
        """Which synthetic images lie nearer to a training image than real images do."""
        return self.distances < self.threshold

    @property
    def rate(self) -> float:
        """Share of flagged images; about `quantile` for images that are as new as real ones."""
        return float(self.flagged.mean())

    def closest(self, count: int) -> Int64[ndarray, " count"]:
        """Rows of the synthetic images that come nearest to a training image, the nearest first."""
        return np.argsort(self.distances, kind="stable")[:count]

    def __str__(self) -> str:
        return (
            f"{self.rate:.1%} of {len(self.distances)} synthetic images lie nearer to a training image than "
            f"{1 - self.quantile:.0%} of {len(self.real)} real images do ({self.space} below "
            f"{self.threshold:.3g})"
        )


def audit_features(
    synthetic: Float[Tensor, "synthetic dim"],
    training: Float[Tensor, "training dim"],
    identities: Sequence[str],
    cameras: Sequence[str],
    real: Bool[ndarray, " training"],
    *,
    space: str = "cosine distance of features",
    quantile: float = QUANTILE,
) -> Audit:
    """Audit by cosine distance of features.

    Args:
        identities, cameras: of the training images.
        real: which training images stand for "real ones": of the modality of the synthetic.

    Raises:
        ValueError: the rows do not fit, or all training images are of one identity and camera.
    """
    _check(training, identities, cameras, real)
    unit, orders = functional.normalize(training.double()), _orders(identities, cameras)
    nearest, distances = _by_angle(functional.normalize(synthetic.double()), unit, None, orders)
    rows = torch.from_numpy(np.flatnonzero(real))
    return Audit(nearest, distances, _by_angle(unit[rows], unit, orders[rows], orders)[1], quantile, space)


def audit_pixels(
    synthetic: UInt8[ndarray, "synthetic height width 3"],
    training: UInt8[ndarray, "training height width 3"],
    identities: Sequence[str],
    cameras: Sequence[str],
    real: Bool[ndarray, " training"],
    *,
    quantile: float = QUANTILE,
) -> Audit:
    """Audit by 1 - SSIM of luminance, which finds copies in grey and mirrored ones too. Arguments and errors as of
    `audit_features`.

    SSIM is computed for the five training images whose thumbnails (16×8 pixels of luminance, cosine distance at zero
    mean, mirrored or not) come nearest.
    """
    _check(training, identities, cameras, real)
    thumbnails, orders = _thumbnails(training), _orders(identities, cameras)
    both = torch.cat([thumbnails, _thumbnails(training[:, :, ::-1])])
    rows = torch.from_numpy(np.flatnonzero(real))
    nearest, distances = _by_structure(synthetic, _thumbnails(synthetic), None, training, both, orders)
    _, own = _by_structure(training[rows.numpy()], thumbnails[rows], orders[rows], training, both, orders)
    return Audit(nearest, distances, own, quantile, "1 - SSIM")


def _by_angle(
    asked: Float[Tensor, "n dim"], unit: Float[Tensor, "training dim"], own: Tensor | None, orders: Tensor
) -> tuple[Int64[ndarray, " n"], Float[ndarray, " n"]]:
    """Nearest training image of each by cosine distance, those of its own order apart."""
    rows, distances = [], []
    for start in range(0, len(asked), _CHUNK):
        part = slice(start, start + _CHUNK)
        apart = 1 - asked[part] @ unit.T
        if own is not None:
            apart.masked_fill_(own[part, None] == orders, torch.inf)
        best = apart.min(1)
        rows.append(best.indices.numpy())
        distances.append(best.values.numpy())
    return np.concatenate(rows), np.concatenate(distances)


def _by_structure(
    pixels: ndarray, thumbnails: Tensor, own: Tensor | None, training: ndarray, both: Tensor, orders: Tensor
) -> tuple[Int64[ndarray, " n"], Float[ndarray, " n"]]:
    """Nearest training image of each by 1 - SSIM among those whose thumbnails, or mirrored ones, come nearest."""
    rows, distances = [], []
    for start in range(0, len(pixels), _CHUNK):
        part = slice(start, start + _CHUNK)
        alike = thumbnails[part] @ both.T
        if own is not None:
            alike.masked_fill_((own[part, None] == orders).repeat(1, 2), -torch.inf)
        best, places = (found.numpy() for found in alike.topk(min(CANDIDATES, len(both))))
        apart = np.full(places.shape, np.inf)
        for column in range(places.shape[1]):
            allowed = np.isfinite(best[:, column])
            chosen = places[allowed, column]
            images, mirrored = training[chosen % len(training)], chosen >= len(training)
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
            apart[allowed, column] = 1 - ssim(pixels[part][allowed], images)
        first = apart.argmin(1)[:, None]
        rows.append(np.take_along_axis(places, first, 1)[:, 0] % len(training))
        distances.append(np.take_along_axis(apart, first, 1)[:, 0])
    return np.concatenate(rows), np.concatenate(distances)


def _thumbnails(pixels: UInt8[ndarray, "n height width 3"]) -> Float[Tensor, "n values"]:
    grey = torch.from_numpy(brightness(pixels))[:, None]
    small = functional.interpolate(grey, THUMBNAIL, mode="area").flatten(1)
    return functional.normalize(small - small.mean(1, keepdim=True))


def _orders(identities: Sequence[str], cameras: Sequence[str]) -> Int64[Tensor, " n"]:
    """A number for each identity under each camera: frames of one such moment may be nearly equal."""
    names = [f"{one}\x1f{other}" for one, other in zip(identities, cameras, strict=True)]
    return torch.from_numpy(np.unique(names, return_inverse=True)[1])


def _check(training: ndarray | Tensor, identities: Sequence[str], cameras: Sequence[str], real: ndarray) -> None:
    if not len(training) == len(identities) == len(cameras) == len(real):
        raise ValueError(
            f"audit: {len(training)} training images, {len(identities)} identities, {len(cameras)} "
            f"cameras, {len(real)} marks of real ones: give one for each."
        )
    if not real.any() or len(set(zip(identities, cameras, strict=True))) < 2:
        raise ValueError("audit: there must be real images, and others than of one identity by one camera.")
