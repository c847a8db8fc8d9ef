"""Which rows are fitted: modality, shape of the picture, and never a test person."""

import pandas as pd
import pytest
from PIL import Image

from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.selection import one_camera, upright


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


def seen(*entries):
    """Rows of (camera, modality, identities)."""
    rows = [
        {"identity": f"sysu_mm01/{who}", "camera": f"sysu_mm01/{camera}", "modality": modality, "split": "train"}
        for camera, modality, people in entries
        for who in people
    ]
    external = {"identity": "market1501/9", "camera": "market1501/1", "modality": "visible", "split": "external"}
    return pd.DataFrame([*rows, external])


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        ([(1, "visible", "abcdef"), (4, "visible", "xyz"), (3, "infrared", "ab"), (6, "infrared", "xyz")], {4, 6}),
        ([(1, "visible", "ab"), (2, "visible", "ab"), (3, "infrared", "ab"), (6, "infrared", "ab")], {1, 3}),
        ([(3, "infrared", "ab"), (6, "infrared", "abc")], {6}),
        ([(1, "visible", "a"), (2, "visible", "bc"), (1, "infrared", "b"), (2, "infrared", "a")], {1, 2}),
    ],
)
def test_one_camera_of_each_modality_that_share_most_people(entries, chosen):
    table = seen(*entries)
    kept = table[one_camera(table)]
    assert set(kept["camera"]) == {f"sysu_mm01/{camera}" for camera in chosen} | {"market1501/1"}
    assert one_camera(kept.reset_index(drop=True)).all(), "chosen once more, it is the same"
    assert kept.groupby("modality")["camera"].nunique().get("infrared", 1) == 1


def test_one_camera_s_images_teach_the_single_view_s_second_reading(tiny_table):
    both = DiveConfig(views="one_camera").fitted_rows(tiny_table)
    assert set(both["camera"]) == {"mini_vi/1", "mini_vi/3", "mini_market/1"}
    alone = DiveConfig(views="one_camera", train_modalities="infrared").fitted_rows(tiny_table)
    assert set(alone["camera"]) == {"mini_vi/3", "mini_market/1"}
    for config, table in ((DiveConfig(views="one_camera"), both), (DiveConfig(views="single"), tiny_table)):
        assert len(config.fitted_rows(table)) == len(table)
