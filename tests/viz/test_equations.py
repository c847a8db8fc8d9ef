"""The symbols of the chapters' equations stand for what the library computes with."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib.viz import equations


def test_cell_brightness_reads_the_grid_from_top_to_bottom(tmp_path):
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[:16, 16:] = 255  # the first row's right cell
    path = tmp_path / "one.png"
    Image.fromarray(pixels).save(path)
    found = equations.cell_brightness(pd.DataFrame({"path": [str(path)]}))
    assert found.shape == (1, 8) and found[0].tolist() == pytest.approx([0, 1, 0, 0, 0, 0, 0, 0])
