"""Images under heat maps; how pale a removed image is drawn."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from vireid_lib.viz.images import Image, _grid, _overlay
from vireid_lib.viz.style import QUIET, Picture, styled

FADED = 0.25  # how much of a removed image is left


@styled
def explanations(
    images: Sequence[Image],
    maps: Mapping[str, Sequence[Float[np.ndarray, "map_height map_width"]]],
    *,
    labels: Sequence[str] = (),
    cell: float = 1.6,
    title: str = "",
) -> Picture:
    """Images, and below them the same images under each kind of heat map, each map from 0 to its own maximum.

    Args:
        maps: kind of map → one map per image; what is negative is drawn as 0.
        labels: above the images.
    """
    ratio = images[0].shape[1] / images[0].shape[0]
    picture, axes = _grid(1 + len(maps), len(images), cell * ratio, cell, title, True, bool(labels))
    for column, image in enumerate(images):
        axes[0, column].imshow(image)
        for row, kind in enumerate(maps.values(), start=1):
            _overlay(axes[row, column], image, np.maximum(kind[column], 0), 0.0, max(float(kind[column].max()), 0.0))
        if labels:
            axes[0, column].set_title(labels[column], fontsize=8, fontweight="normal", color=QUIET, loc="center")
    for row, label in enumerate(("image", *maps)):
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", color=QUIET, labelpad=8)
    return picture
