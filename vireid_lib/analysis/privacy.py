"""Has a generator memorised training images? Distances to the nearest training image, compared with real images'."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from vireid_lib.analysis.ssim import ssim
from vireid_lib.data.grey import luminance

Pixels = UInt8[ndarray, "n height width 3"]

THUMBNAIL, CANDIDATES, CHUNK = (16, 8), 5, 256
QUANTILE = 0.01  # share of real images that would be flagged as copies: the rate to compare with


@dataclass(frozen=True, eq=False)
class Audit:
    """Row of the training image nearest to each synthetic one, how far it is in `space`, and the distance of each real
    image to the nearest training image of another identity or another camera, which cannot be a frame of the same
    recording; the share `quantile` of the latter is below the threshold."""

    nearest: Int64[ndarray, " synthetic"]
    distances: Float[ndarray, " synthetic"]
    real: Float[ndarray, " reals"]
    space: str
    quantile: float = QUANTILE

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

    def __str__(self) -> str:
        return (
            f"{self.rate:.1%} of {len(self.distances)} synthetic images lie nearer to a training image than "
            f"{1 - self.quantile:.0%} of {len(self.real)} real images do ({self.space} below {self.threshold:.3g})"
        )


def audit_pixels(synthetic: Pixels, training: Pixels, table: pd.DataFrame, real: Bool[ndarray, " training"]) -> Audit:
    """Audit by 1 - SSIM of luminance, which finds copies in grey and mirrored ones too. SSIM is computed for the five
    training images whose thumbnails (16×8 pixels of luminance, cosine distance at zero mean, mirrored or not) come
    nearest. `table` is of the training images, of which `real`, of the synthetic's modality, stand for real ones.
    Raises ValueError: all training images are of one identity and camera, or none is real."""
    moments = torch.from_numpy(table.groupby(["identity", "camera"]).ngroup().to_numpy(copy=True))
    if not real.any() or len(moments.unique()) < 2:
        raise ValueError("audit: there must be real images, and others than of one identity by one camera.")
    both = torch.cat([_thumbnails(training), _thumbnails(training[:, :, ::-1])])

    def nearest(asked: ndarray, own: Tensor) -> list[ndarray]:
        """Row and distance of the training images nearest to those asked for, but for those of their `own` identity
        and camera, whose frames may be nearly equal."""
        alike = (_thumbnails(asked) @ both.T).masked_fill_((own[:, None] == moments).repeat(1, 2), -torch.inf)
        best, places = (found.numpy() for found in alike.topk(min(CANDIDATES, len(both))))
        distances = np.full(places.shape, np.inf)
        for column in range(places.shape[1]):
            allowed = np.isfinite(best[:, column])
            chosen = places[allowed, column]
            images, mirrored = training[chosen % len(training)], chosen >= len(training)
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
            distances[allowed, column] = 1 - ssim(asked[allowed], images)
        first = distances.argmin(1)[:, None]
        return [np.take_along_axis(found, first, 1)[:, 0] for found in (places % len(training), distances)]

    def all_nearest(asked: ndarray, own: Tensor) -> list[ndarray]:
        parts = [slice(start, start + CHUNK) for start in range(0, len(asked), CHUNK)]
        return [np.concatenate(side) for side in zip(*(nearest(asked[part], own[part]) for part in parts), strict=True)]

    of_synthetic = all_nearest(synthetic, torch.full((len(synthetic),), -1))
    return Audit(*of_synthetic, all_nearest(training[real], moments[torch.from_numpy(real)])[1], "1 - SSIM")


def _thumbnails(pixels: Pixels) -> Float[Tensor, "n values"]:
    grey = torch.from_numpy(luminance(pixels))[:, None]
    small = functional.interpolate(grey, THUMBNAIL, mode="area").flatten(1)
    return functional.normalize(small - small.mean(1, keepdim=True))
