"""Has a generator learned training images by heart? Nearest training images, held against those of real images."""

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
        real: the distance of each real image to the nearest training image that could not be a frame of the same
            recording: one of another person or another camera.
        threshold: the `quantile` of `real`; a synthetic image nearer than that is flagged.
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
        return (f"{self.rate:.1%} of {len(self.distances)} synthetic images lie nearer to a training image than "
                f"{1 - self.quantile:.0%} of {len(self.real)} real images do ({self.space} below "
                f"{self.threshold:.3g})")  # fmt: skip


def audit_features(
    synthetic: Float[Tensor, "synthetic dim"], training: Float[Tensor, "training dim"],
    identities: Sequence[str], cameras: Sequence[str], real: Bool[ndarray, " training"], *,
    space: str = "cosine distance of features", quantile: float = QUANTILE,
) -> Audit:  # fmt: skip
    """Audit by cosine distance of features.

    Args:
        identities, cameras: of the training images.
        real: which training images stand for "real ones": of the modality of the synthetic.

    Raises:
        ValueError: the rows do not fit, or all training images are of one person and camera.
    """
    _check(training, identities, cameras, real)
    unit = functional.normalize(training.double())
    nearest, distances = _nearest(1 - functional.normalize(synthetic.double()) @ unit.T)
    rows = torch.from_numpy(np.flatnonzero(real))
    apart = (1 - unit[rows] @ unit.T).masked_fill_(_same_order(identities, cameras)[rows], torch.inf)
    return Audit(nearest, distances, apart.min(1).values.numpy(), quantile, space)


def audit_pixels(
    synthetic: UInt8[ndarray, "synthetic height width 3"], training: UInt8[ndarray, "training height width 3"],
    identities: Sequence[str], cameras: Sequence[str], real: Bool[ndarray, " training"], *,
    quantile: float = QUANTILE,
) -> Audit:  # fmt: skip
    """Audit by 1 - SSIM of luminance, which sees copies in grey and mirrored ones too.

    SSIM is computed for the five training images whose thumbnails (16×8 pixels of luminance, cosine distance at zero
    mean, mirrored or not) come nearest.

    Args, Raises: as `audit_features`.
    """
    _check(training, identities, cameras, real)
    thumbnails = _thumbnails(training)
    both = torch.cat([thumbnails, _thumbnails(training[:, :, ::-1])])
    nearest, distances = _by_structure(synthetic, _thumbnails(synthetic), training, both, None)
    rows = np.flatnonzero(real)
    same = _same_order(identities, cameras)[torch.from_numpy(rows)].repeat(1, 2)
    _, own = _by_structure(training[rows], thumbnails[torch.from_numpy(rows)], training, both, same)
    return Audit(nearest, distances, own, quantile, "1 - SSIM")


def _by_structure(
    pixels: ndarray, thumbnails: Tensor, training: ndarray, both: Tensor, forbidden: Tensor | None
) -> tuple[Int64[ndarray, " n"], Float[ndarray, " n"]]:
    """Nearest training image of each by SSIM among those whose thumbnails, or mirrored ones, come nearest."""
    alike = thumbnails @ both.T
    if forbidden is not None:
        alike.masked_fill_(forbidden, -torch.inf)
    best, places = alike.topk(min(CANDIDATES, alike.shape[1]))
    found = np.full(places.shape, np.inf)
    allowed = torch.isfinite(best).numpy()
    which, column = np.nonzero(allowed)
    chosen = places.numpy()[allowed]
    for start in range(0, len(which), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows, mirrored = chosen[part] % len(training), chosen[part] >= len(training)
        images = training[rows]
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        found[which[part], column[part]] = 1 - ssim(pixels[which[part]], images)
    first = found.argmin(1)
    at = np.arange(len(first))
    return places.numpy()[at, first] % len(training), found[at, first]


def _thumbnails(pixels: UInt8[ndarray, "n height width 3"]) -> Float[Tensor, "n values"]:
    grey = torch.from_numpy(brightness(pixels))[:, None]
    small = functional.interpolate(grey, THUMBNAIL, mode="area").flatten(1)
    return functional.normalize(small - small.mean(1, keepdim=True))


def _same_order(identities: Sequence[str], cameras: Sequence[str]) -> Bool[Tensor, "n n"]:
    """Pairs that show one person by one camera, where frames of a moment may be nearly equal."""
    labels = np.unique([f"{one}\x1f{other}" for one, other in zip(identities, cameras, strict=True)],
                       return_inverse=True)[1]  # fmt: skip
    kinds = torch.from_numpy(labels)
    return kinds[:, None] == kinds[None, :]


def _nearest(apart: Float[Tensor, "n m"]) -> tuple[Int64[ndarray, " n"], Float[ndarray, " n"]]:
    best = apart.min(1)
    return best.indices.numpy(), best.values.numpy()


def _check(training: ndarray | Tensor, identities: Sequence[str], cameras: Sequence[str], real: ndarray) -> None:
    if not len(training) == len(identities) == len(cameras) == len(real):
        raise ValueError(f"audit: {len(training)} training images, {len(identities)} identities, {len(cameras)} "
                         f"cameras, {len(real)} marks of real ones: give one for each.")  # fmt: skip
    if not real.any() or len(set(zip(identities, cameras, strict=True))) < 2:
        raise ValueError("audit: there must be real images, and others than of one person by one camera.")
