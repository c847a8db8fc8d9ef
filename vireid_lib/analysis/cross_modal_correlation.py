"""What of an identity's look is the same in visible and infrared images, measured on pixels with nothing learned."""

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8

from vireid_lib.data.grey import LUMINANCE

UPPER, LOWER = (0.22, 0.48), (0.54, 0.84)
"""Rows, as shares of the image's height, between which a standing person's upper and lower clothes lie."""

MIDDLE = (0.34, 0.66)
"""Columns, as shares of the width, in which there is mostly person and little background."""

FEWEST_IDENTITIES = 4
LEAST_SPREAD = 1e-3  # standard deviation below which a descriptor is the same for all identities


def descriptors(pixels: UInt8[np.ndarray, "images height width 3"]) -> pd.DataFrame:
    """Describe each image by a few numbers that one could also read off by eye.

    Returns:
        one row per image; "upper brightness" and "lower brightness": mean luminance, 0..1; "upper minus lower":
        their difference; "upper contrast": standard deviation of the upper body's row means, which stripes and
        prints raise; "upper redness", "upper blueness": red and blue less luminance, 0 for a grey image.
    """
    upper, lower = _region(pixels, UPPER), _region(pixels, LOWER)
    # In the regions' double precision; `grey.luminance` takes single.
    grey_upper, grey_lower = upper @ np.array(LUMINANCE), lower @ np.array(LUMINANCE)
    bright, dark = grey_upper.mean((1, 2)), grey_lower.mean((1, 2))
    return pd.DataFrame(
        {
            "upper brightness": bright,
            "lower brightness": dark,
            "upper minus lower": bright - dark,
            "upper contrast": grey_upper.mean(2).std(1),
            "upper redness": upper[..., 0].mean((1, 2)) - bright,
            "upper blueness": upper[..., 2].mean((1, 2)) - bright,
        }
    )


def _region(pixels: np.ndarray, rows: tuple[float, float]) -> Float[np.ndarray, "images h w 3"]:
    height, width = pixels.shape[1:3]
    top, bottom = (round(share * height) for share in rows)
    left, right = (round(share * width) for share in MIDDLE)
    return pixels[:, top:bottom, left:right].astype(np.float64) / 255


def cross_modal_correlation(described: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Correlate what cameras say of the same identities: visible with visible, and visible with infrared.

    Each descriptor is averaged over an identity's images; Pearson's correlation is taken over identities. The visible
    images are halved by camera (or, with a single visible camera, alternately): the first number says how far a
    descriptor survives a change of camera; what the second loses beyond that is the modality's.

    Args:
        described: one row per row of `table`, as `descriptors` returns.
        table: an image table with both modalities.

    Returns:
        index: descriptor; columns "visible–visible", "visible–infrared" (NaN where an average is constant, as
        colour is in infrared) and "identities", the number that were correlated.

    Raises:
        ValueError: the rows do not fit, or fewer than four identities are there in all three groups.
    """
    if len(described) != len(table):
        raise ValueError(f"{len(described)} described images for {len(table)} rows; describe the table's own images")
    means = [described[rows].groupby(table.loc[rows, "identity"].to_numpy()).mean() for rows in _groups(table)]
    shared = sorted(set.intersection(*(set(mean.index) for mean in means)))
    if len(shared) < FEWEST_IDENTITIES:
        raise ValueError(
            f"only {len(shared)} identities have infrared images and visible ones in both halves; a correlation "
            f"needs at least {FEWEST_IDENTITIES}: hand in more rows"
        )
    one, other, infrared = (mean.loc[shared] for mean in means)
    both = (one + other) / 2
    return pd.DataFrame(
        {
            "visible–visible": {name: _correlation(one[name], other[name]) for name in described},
            "visible–infrared": {name: _correlation(both[name], infrared[name]) for name in described},
            "identities": len(shared),
        }
    )


def _groups(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of one half of the visible images, of the other, and of the infrared ones."""
    visible = (table["modality"] == "visible").to_numpy()
    cameras = sorted(table.loc[visible, "camera"].unique())
    if len(cameras) > 1:
        first = table["camera"].isin(cameras[::2]).to_numpy()
    else:
        first = (table.groupby(["identity", "modality"]).cumcount() % 2 == 0).to_numpy()
    return visible & first, visible & ~first, ~visible


def _correlation(one: pd.Series, other: pd.Series) -> float:
    if min(one.std(), other.std()) < LEAST_SPREAD:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
