"""Correlation of looks across modalities: descriptors of drawn stripes, correlations of made-up identities."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.analysis.cross_modal_correlation import cross_modal_correlation, descriptors


def _table(identities: int, cameras: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"path": f"/{image}.jpg", "identity": f"set/{person}", "camera": f"set/{camera}", "modality": modality}
        for person in range(identities)
        for camera, modality in cameras.items()
        for image in range(2)
    ]
    return pd.DataFrame(rows)


def test_descriptors_of_flat_and_striped_people():
    flat = np.full((100, 50, 3), 128, np.uint8)
    red = np.zeros((100, 50, 3), np.uint8)
    red[:50, :, 0] = 255
    striped = flat.copy()
    striped[::4] = striped[1::4] = 0
    found = descriptors(np.stack([flat, red, striped]))
    assert found["upper brightness"].tolist()[:2] == pytest.approx([128 / 255, 0.299])
    assert found["lower brightness"].tolist()[1] == 0
    assert found["upper contrast"].tolist()[:2] == pytest.approx([0, 0]) and found["upper contrast"][2] > 0.2
    assert found["upper redness"].tolist()[:2] == pytest.approx([0, 0.701])


def test_a_descriptor_that_infrared_inverts_correlates_negatively_and_colour_not_at_all():
    table = _table(10, {"1": "visible", "2": "visible", "3": "infrared"})
    value = table["identity"].str.split("/").str[1].astype(float)
    infrared = table["modality"] == "infrared"
    described = pd.DataFrame(
        {"kept": value, "inverted": value.where(~infrared, -value), "colour": value.where(~infrared, 0.0)}
    )
    found = cross_modal_correlation(described, table)
    assert found["visible–visible"].tolist() == pytest.approx([1, 1, 1])
    assert found["visible–infrared"].tolist()[:2] == pytest.approx([1, -1])
    assert np.isnan(found.loc["colour", "visible–infrared"])
    assert set(found["identities"]) == {10}


def test_one_visible_camera_is_halved_by_images():
    table = _table(5, {"1": "visible", "2": "infrared"})
    described = pd.DataFrame({"even": (np.arange(len(table)) % 2).astype(float) * np.arange(len(table))})
    assert np.isnan(cross_modal_correlation(described, table).loc["even", "visible–visible"])


def test_too_few_identities_and_foreign_rows_are_refused():
    table = _table(3, {"1": "visible", "2": "visible", "3": "infrared"})
    with pytest.raises(ValueError, match="only 3 identities"):
        cross_modal_correlation(pd.DataFrame({"x": np.arange(len(table))}), table)
    with pytest.raises(ValueError, match="describe the table's own images"):
        cross_modal_correlation(pd.DataFrame({"x": [1.0]}), table)
