"""Codes and branches of tables of every shape."""

import pandas as pd
import pytest

from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.config import DiveConfig


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


def test_all_cameras_of_an_external_set_are_one_view():
    words = prompts.build(LLCM, DiveConfig(code_length=4))
    assert words.view("market1501/1") == words.view("market1501/2") == "market1501"


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


def test_one_camera_stands_for_the_others_of_its_modality():
    fitted = LLCM[LLCM["camera"] != "llcm/3"].drop(index=0)  # infrared of llcm/1 and Market-1501's
    words = prompts.build(fitted, DiveConfig(views="one_camera"))
    assert words.branches == ["infrared", "visible"] and prompts.Vocabulary(**words.to_json()) == words
    assert words.key("llcm/7", "infrared") == words.key("llcm/1", "infrared") == "llcm/1"
    assert [words.view(key) for key in prompts.camera_keys(LLCM, words)] == ["visible", "infrared", *["visible"] * 3]
    plain = prompts.build(fitted, DiveConfig(views="single"))
    assert plain.key("llcm/7", "infrared") == "llcm/7"


def test_unknown_camera():
    with pytest.raises(ValueError, match="llcm/9"):
        prompts.build(LLCM, DiveConfig(code_length=4)).code("llcm/9")
