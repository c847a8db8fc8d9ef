"""The circle of hues: one image at one angle, its greys all around, and the curve of their brightness."""

from collections.abc import Sequence

import pandas as pd

from vireid_lib.viz.images import Image
from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, bare, styled


@styled
def hue_circle(
    images: Sequence[Image],
    strip: Sequence[Image],
    brightness: pd.DataFrame,
    *,
    degrees: float,
    labels: Sequence[str],
    strip_labels: Sequence[str],
    title: str = "",
) -> Picture:
    """A few images large, beside the curves of brightness; below, the strip around the circle.

    Args:
        brightness: index degrees, a column for each part of the image, 0..1.
        degrees: the angle of the images, marked in the curves.
    """
    ratio = images[0].shape[1] / images[0].shape[0]
    picture = Picture(9.6, 2.5 + 8.6 / len(strip) / ratio, title or f"An image's greys as its hue turns by {degrees}°")
    above, below = picture.subfigures(2, 1, height_ratios=[2.3, 0.3 + 8.6 / len(strip) / ratio])
    *grid, axes = above.subplots(1, len(images) + 1, width_ratios=[*[0.62] * len(images), 3])
    for place, image, label in zip(grid, images, labels, strict=True):
        _image(place, image, label)
    for number, name in enumerate(brightness.columns):
        axes.plot(brightness.index, brightness[name], color=SERIES[number], label=name)
        axes.plot(degrees, brightness[name].loc[degrees], "o", color=SERIES[number], markersize=5)
    axes.axvline(degrees, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set(xlim=(0, 360), ylim=(0, 1), xlabel="hue turned by (°)", ylabel="mean grey (0 black, 1 white)")
    axes.set_xticks(range(0, 361, 60))
    axes.legend(loc="upper right", ncols=len(brightness.columns), labelcolor="linecolor")
    for place, image, label in zip(below.subplots(1, len(strip)), strip, strip_labels, strict=True):
        _image(place, image, label)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


def _image(axes, image: Image, label: str) -> None:
    axes.imshow(image)
    bare(axes)
    axes.set_title(label, fontsize=8, fontweight="normal", color=QUIET, loc="center", pad=4)
