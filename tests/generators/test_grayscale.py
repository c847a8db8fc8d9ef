"""Greyscale copies."""

import numpy as np
from PIL import Image

from vireid_lib.generators.grayscale import GrayscaleCopies


def test_copies_are_the_visible_images_in_grey(tiny_table, tmp_path):
    copies = GrayscaleCopies()
    copies.fit(tiny_table, tmp_path)
    table = copies.expand(["mini_market/0001"], ["mini_vi/3", "mini_vi/6"], 3, 0, tmp_path)
    assert len(table) == 6 and (table["modality"] == "infrared").all()
    sources = [
        np.array(Image.open(path).convert("L"))
        for path in tiny_table.loc[tiny_table["identity"] == "mini_market/0001", "path"]
    ]
    for path in table["path"]:
        copy = np.array(Image.open(path))[..., 0].astype(int)
        assert min(np.abs(copy - source).max() for source in sources) <= 1


def test_each_image_once_before_any_twice(tiny_table, tmp_path):
    copies = GrayscaleCopies()
    copies.fit(tiny_table, tmp_path)
    table = copies.expand(["mini_market/0001"], ["mini_vi/3"], 4, 0, tmp_path)
    assert len({np.array(Image.open(path)).tobytes() for path in table["path"]}) == 4
