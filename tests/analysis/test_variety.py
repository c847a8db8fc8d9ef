"""Variety within an order, by hand."""

import pandas as pd
import pytest
import torch


def test_images_of_one_person_and_camera_are_compared():
    table = pd.DataFrame({"identity": ["p"] * 4, "camera": ["1", "1", "2", "2"]})
    east, north = [2.0, 0.0], [0.0, 5.0]
    real = torch.tensor([east, north, east, north])
    half = variety(torch.tensor([east, east, east, north]), table, real, table)
    assert half.real == pytest.approx(2**0.5) and half.share == pytest.approx(0.5)
    assert variety(torch.tensor([east] * 4), table, real, table).synthetic == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="3 features for 4 rows"):
        variety(real[:3], table, real, table)
