"""Image-space interpolation: half-way pictures of one person."""

import numpy as np
import pytest
from PIL import Image

from vireid_lib.generators.interpolation import ImageInterpolation, InterpolationConfig


@pytest.fixture
def fitted(tiny_table, tmp_path):
    generator = ImageInterpolation(InterpolationConfig(height=32, width=16), progress=False)
    generator.fit(tiny_table, tmp_path / "fit")
    return generator


def _pixels(table, identity, modality):
    rows = table[(table["identity"] == identity) & (table["modality"] == modality)]
    return [np.array(Image.open(path).convert("RGB")).astype(float) for path in rows["path"]]


def _nearest(picture, sources):
    halves = [(a + b) / 2 for i, a in enumerate(sources) for b in sources[i + 1 :]]
    return min(np.abs(picture - half).max() for half in halves)


def test_infrared_pictures_are_half_way_between_two_of_the_person(fitted, tiny_table, tmp_path):
    table = fitted.expand(["mini_vi/0001"], ["mini_vi/3"], 3, 0, tmp_path / "gallery")
    assert (table["source"] == "interpolation").all() and (table["split"] == "train").all()
    sources = [
        source @ [[0.299] * 3, [0.587] * 3, [0.114] * 3] for source in _pixels(tiny_table, "mini_vi/0001", "infrared")
    ]
    for path in table["path"]:
        assert _nearest(np.array(Image.open(path)).astype(float), sources) <= 1.5


def test_visible_pictures_keep_their_colour(fitted, tiny_table, tmp_path):
    table = fitted.expand(["mini_vi/0001"], ["mini_vi/1"], 2, 0, tmp_path / "gallery")
    assert (table["modality"] == "visible").all()
    for path in table["path"]:
        picture = np.array(Image.open(path)).astype(float)
        assert _nearest(picture, _pixels(tiny_table, "mini_vi/0001", "visible")) <= 0.51


def test_people_without_infrared_images_get_grey_blends(fitted, tmp_path):
    table = fitted.expand(["mini_market/0001"], ["mini_vi/3", "mini_vi/6"], 2, 0, tmp_path / "gallery")
    assert len(table) == 4 and table["seed"].is_unique
    for path in table["path"]:
        picture = np.array(Image.open(path))
        assert (picture == picture[..., :1]).all()


def test_one_image_is_not_enough(fitted, tiny_table, tmp_path):
    one = tiny_table[tiny_table["identity"] == "mini_market/0001"].iloc[:1]
    with pytest.raises(ValueError, match="no two images"):
        fitted.expand(["mini_market/0001"], ["mini_vi/3"], 1, 0, tmp_path, source=one)
