"""What chapter 03 shows its equation on: eight numbers of each image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.analysis.fidelity import brightness
from vireid_lib.viz.pictures import pixels

CELLS = (4, 2)
"""Rows and columns of the grid in which `cell_brightness` divides an image."""


def cell_brightness(rows: pd.DataFrame) -> Float[np.ndarray, "images 8"]:
    """Eight numbers of each image: the mean brightness of its cells in four rows and two columns, 0..1."""
    light = brightness(pixels(rows, (64, 32))) / 255
    down, across = CELLS
    return light.reshape(len(light), down, 64 // down, across, 32 // across).mean((2, 4)).reshape(len(light), -1)
