"""What learns nothing: greyscale copies, half-way pictures of one person, the miniature world's own infrared."""

import itertools

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.generators import build, load
from vireid_lib.generators.grayscale import GrayscaleCopies
from vireid_lib.generators.interpolation import ImageInterpolation, InterpolationConfig
from vireid_lib.miniworld import write
from vireid_lib.miniworld.oracle import read_oracle


def test_copies_are_the_visible_images_in_grey_and_each_comes_once_before_any_twice(tiny_table, tmp_path):
    copies = GrayscaleCopies()
    copies.fit(tiny_table, tmp_path)
    table = copies.expand(["mini_market/0001"], ["mini_vi/3", "mini_vi/6"], 3, 0, tmp_path)
    assert len(table) == 6 and (table["modality"] == "infrared").all()
    of_person = tiny_table["identity"] == "mini_market/0001"
    sources = [np.array(Image.open(path).convert("L")) for path in tiny_table.loc[of_person, "path"]]
    for path in table["path"]:
        copy = np.array(Image.open(path))[..., 0].astype(int)
        assert min(np.abs(copy - source).max() for source in sources) <= 1
    table = copies.expand(["mini_market/0001"], ["mini_vi/3"], 4, 0, tmp_path / "four")
    assert len({np.array(Image.open(path)).tobytes() for path in table["path"]}) == 4


def test_infrared_pictures_are_half_way_between_two_of_the_person(tiny_table, tmp_path):
    generator = ImageInterpolation(InterpolationConfig(height=32, width=16), progress=False)
    generator.fit(tiny_table, tmp_path / "fit")
    table = generator.expand(["mini_vi/0001"], ["mini_vi/3"], 3, 0, tmp_path / "gallery")
    assert (table["source"] == "interpolation").all() and (table["split"] == "train").all()
    own = tiny_table.query("identity == 'mini_vi/0001' and modality == 'infrared'")
    to_grey = [[0.299], [0.587], [0.114]]
    sources = [np.array(Image.open(path).convert("RGB")) @ to_grey for path in own["path"]]
    halves = [(one + other) / 2 for one, other in itertools.combinations(sources, 2)]
    for path in table["path"]:
        picture = np.array(Image.open(path)).astype(float)
        assert picture.shape == (32, 16, 3) and min(np.abs(picture - half).max() for half in halves) <= 1.5


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write.make(tmp_path_factory.mktemp("world"), seed=3, size=write.SIZES["small"])


@pytest.fixture(scope="module")
def external(world):
    return read_dataset("mini_market", world["mini_market"]).query("split == 'train'").assign(split="external")


@pytest.mark.parametrize(("name", "kind"), [("oracle_ir", "true"), ("resampled_ir", "redrawn")])
def test_a_gallery_is_rows_of_the_world(name, kind, world, external, tmp_path):
    oracle = build(name, progress=False)
    oracle.fit(external, tmp_path / "fit")
    held, people = read_oracle(world["mini_truth"], kind), sorted(external["identity"].unique())[:3]
    cameras = sorted(held["camera"].unique())
    found = load(name, tmp_path / "fit").expand(people, cameras, 2, 0, tmp_path / "made", source=external)
    chosen = held[held["identity"].isin(people)]
    wanted = chosen[chosen.groupby(["identity", "camera"]).cumcount() < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)
    assert tables.load(tmp_path / "made/table.csv").equals(found) and not list((tmp_path / "made").glob("cam*"))
    assert len(oracle.expand(people, cameras[:1], 1, 0, tmp_path / "one")) == 3  # led by the table it was fitted to
