"""The miniature world's true and resampled infrared as generators."""

import pandas as pd
import pytest

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.generators import build, load
from vireid_lib.miniworld import write
from vireid_lib.miniworld.oracle import read_oracle


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


def test_real_data_and_strangers_are_refused(world, external, toy_people, tmp_path):
    oracle = build("oracle_ir", progress=False)
    with pytest.raises(ValueError, match="in the miniature world only"):
        oracle.expand(["market/0006"], ["toy/3"], 1, 0, tmp_path, source=toy_people)
    with pytest.raises(ValueError, match="no infrared image of identity 'mini_campus/0001'"):
        oracle.expand(["mini_campus/0001"], ["mini_vi/3"], 1, 0, tmp_path, source=external)
