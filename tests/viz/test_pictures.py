"""Images for figures: decoded in the order that was asked for."""

import numpy as np
import pandas as pd
from PIL import Image

from vireid_lib.viz import pictures


def test_pixels_keep_the_order(tmp_path):
    paths = [str(tmp_path / f"{shade}.png") for shade in (10, 30, 200, 210)]
    for path, shade in zip(paths, (10, 30, 200, 210), strict=True):
        Image.fromarray(np.full((20, 10, 3), shade, np.uint8)).save(path)
    found = pictures.pixels(paths[::-1], (8, 4))
    assert found.shape == (4, 8, 4, 3) and found[:, 0, 0, 0].tolist() == [210, 200, 30, 10]
    rows = pd.DataFrame({"path": paths})
    assert pictures.pixels(rows.iloc[1:2], (8, 4))[0, 0, 0, 0] == 30 and len(pictures.pixels(rows.iloc[:0])) == 0
