"""Which rows DiVE is fitted to, and the codes and branches of tables of every shape."""

import pandas as pd
import pytest
from PIL import Image

from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.config import DiveConfig, one_camera, upright


def rows(*entries):
    return pd.DataFrame([{"identity": "x/1", "camera": c, "modality": m, "split": s} for c, m, s in entries])


LLCM = rows(
    ("llcm/1", "visible", "train"),
    ("llcm/1", "infrared", "train"),
    ("llcm/3", "visible", "train"),
    ("market1501/1", "visible", "external"),
    ("market1501/2", "visible", "external"),
)


def test_a_camera_of_both_modalities_has_two_codes():
    words = prompts.build(LLCM, DiveConfig(code_length=4))
    assert set(words.views) == {"llcm/1", "llcm/1 visible", "llcm/3", "market1501"}
    assert prompts.camera_keys(LLCM, words)[:3] == ["llcm/1 visible", "llcm/1", "llcm/3"]
    assert words.code("llcm/1") != words.code("llcm/1 visible")
    assert len(set(prompts.branch_indices(LLCM, words))) == 4
    assert words.view("market1501/1") == words.view("market1501/2") == "market1501"
    with pytest.raises(ValueError, match="llcm/9"):
        words.code("llcm/9")


@pytest.mark.parametrize(
    ("settings", "branches"),
    [
        ({"lora_scope": "shared"}, ["shared"]),
        ({"views": "single"}, ["infrared", "visible"]),
        ({"visible_branch": "modality"}, ["llcm-1", "visible"]),
        ({}, ["llcm-1", "llcm-1-visible", "llcm-3", "market1501"]),
    ],
)
def test_branches(settings, branches):
    assert prompts.build(LLCM, DiveConfig(code_length=4, **settings)).branches == branches


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
    columns = ["identity", "camera", "modality", "split"]
    rows = [
        (f"sysu_mm01/{who}", f"sysu_mm01/{camera}", modality, "train")
        for camera, modality, people in entries
        for who in people
    ]
    return pd.DataFrame([*rows, ("market1501/9", "market1501/1", "visible", "external")], columns=columns)


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
