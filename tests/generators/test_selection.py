"""Which rows are fitted: modality, shape of the picture, and never a test person."""

from PIL import Image

from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.selection import upright


def test_infrared_alone_keeps_the_external_people(tiny_table):
    rows = DiveConfig(train_modalities="infrared").fitted_rows(tiny_table)
    assert set(rows["camera"]) == {"mini_vi/3", "mini_vi/6", "mini_market/1"}
    assert len(DiveConfig().fitted_rows(tiny_table)) == len(tiny_table)


def test_wide_pictures_are_left_out(tiny_table, tmp_path):
    table = tiny_table.copy()
    Image.new("RGB", (17, 32)).save(tmp_path / "wide.png")
    table.loc[0, "path"] = str(tmp_path / "wide.png")
    assert upright(table["path"], 2.0).tolist() == [False] + [True] * (len(table) - 1)
    assert len(DiveConfig(form="release").fitted_rows(table)) == len(table) - 1
