"""Images arranged for figures: gaps stay gaps, cameras are ordered by modality."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib.viz import pictures


@pytest.fixture
def table(tmp_path):
    rows = []
    for person, camera, modality, shade in [
        ("s/1", "s/10", "visible", 10),
        ("s/1", "s/3", "infrared", 30),
        ("s/2", "s/2", "visible", 200),
        ("s/2", "s/2", "visible", 210),
    ]:
        path = tmp_path / f"{len(rows)}.png"
        Image.fromarray(np.full((20, 10, 3), shade, np.uint8)).save(path)
        rows.append({"path": str(path), "identity": person, "camera": camera, "modality": modality})
    return pd.DataFrame(rows)


def test_cameras_come_visible_first_and_by_number(table):
    assert pictures.cameras(table) == ["s/2", "s/10", "s/3"]


def test_missing_images_leave_gaps(table):
    grid, labels = pictures.by_camera(table, ["s/1", "s/2"], ["s/2", "s/3"], each=2)
    assert [[None if image is None else int(image[0, 0, 0]) for image in line] for line in grid] == [
        [None, None, 30, None],
        [200, 210, None, None],
    ]
    assert labels == ["camera 2\nvisible", "", "camera 3\ninfrared", ""]


def test_pixels_keep_the_order(table):
    found = pictures.pixels(table["path"].tolist()[::-1], (8, 4))
    assert found.shape == (4, 8, 4, 3) and found[:, 0, 0, 0].tolist() == [210, 200, 30, 10]
    assert pictures.pixels(table.iloc[:0]).shape[0] == 0


def test_a_camera_of_both_modalities_has_two_columns(table):
    both = table.assign(camera="s/1")
    assert pictures.cameras(both) == ["s/1 visible", "s/1"]
    grid, labels = pictures.by_camera(both, ["s/1"], pictures.cameras(both))
    assert [int(image[0, 0, 0]) for image in grid[0]] == [10, 30]
    assert labels == ["camera 1\nvisible", "camera 1\ninfrared"]
