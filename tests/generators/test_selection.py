"""Which rows are fitted: modality, shape of the picture, and never a test person."""

import pytest
from PIL import Image

from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.selection import fitted_rows, upright


def test_infrared_alone_keeps_the_external_people(tiny_table):
    rows = fitted_rows(tiny_table, DiveConfig(train_modalities="infrared"))
    assert set(rows["camera"]) == {"mini_vi/3", "mini_vi/6", "mini_market/1"}
    assert len(fitted_rows(tiny_table, DiveConfig())) == len(tiny_table)


def test_wide_pictures_are_left_out(tiny_table, tmp_path):
    table = tiny_table.copy()
    Image.new("RGB", (17, 32)).save(tmp_path / "wide.png")
    table.loc[0, "path"] = str(tmp_path / "wide.png")
    assert upright(table["path"], 2.0).tolist() == [False] + [True] * (len(table) - 1)
    assert len(fitted_rows(table, DiveConfig(form="release"))) == len(table) - 1


def test_nothing_infrared_to_learn_from(tiny_table):
    with pytest.raises(ValueError, match="no infrared image"):
        fitted_rows(tiny_table[tiny_table["modality"] == "visible"], DiveConfig())
