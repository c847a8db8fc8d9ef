"""Charts of the generator's chapters: they draw what they are given, also at the edges."""

import io

import numpy as np
import pytest
from PIL import Image

from vireid_lib import viz as plots


def _drawn(picture):
    with Image.open(io.BytesIO(picture.png())) as image:
        return np.asarray(image.convert("L"))


def _texts(picture):
    return {text.get_text() for axes in picture.axes for text in axes.texts}


def test_differences_fill_only_what_is_established():
    picture = plots.differences(["a", "b", "c"], [2.0, 0.5, 1.0], [1.0, 1.0, np.nan], axis="points")
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] != "white" and faces[1:] == ["white", "white"]
    assert {"+2.0 ± 1.0", "+1.0"} <= _texts(picture)
    picture = plots.differences(["a", "b"], [2.0, 3.0], [1.0, 1.0], axis="points", established=[False, True])
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] == "white" != faces[1], "a corrected verdict overrules the interval"


@pytest.mark.parametrize("count", [3, 61])
def test_token_map_names_few_and_leaves_out_many(count):
    points = np.random.default_rng(0).normal(size=(count, 2))
    picture = plots.token_map(points, [str(i) for i in range(count)], ["one", "two"] * (count // 2) + ["one"])
    assert len(_texts(picture)) == (3 if count == 3 else 0)


def test_a_piece_that_a_prompt_lacks_is_said_to_be_lacking():
    image = np.full((8, 4, 3), 120, np.uint8)
    maps = [{"[k]": np.full((4, 2), np.nan), "[p]": np.eye(4, 2)}]
    picture = plots.attention_overlays([image], maps, limits=(0, 2))
    assert "not in this prompt" in {axes.get_xlabel() for axes in picture.axes}
    assert _drawn(picture).std() > 5
