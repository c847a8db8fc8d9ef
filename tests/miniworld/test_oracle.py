"""What the renderer knows of a written world: masks, the same moment in infrared, the external people's infrared."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vireid_lib.data.layouts import read_dataset
from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import CAMERAS, sample_view
from vireid_lib.miniworld.oracle import paired_views, person_masks, read_oracle
from vireid_lib.miniworld.render import render, silhouettes


def test_a_silhouette_is_what_the_scenery_behind_does_not_change(people):
    rng = np.random.default_rng(0)
    views = [sample_view(rng, replace(CAMERAS["mini_vi/1"], noise=0.0, blur=0.0)) for _ in people]
    elsewhere = [replace(view, camera=replace(view.camera, place=14, style="street")) for view in views]
    here, there = (render(people, some, modality="visible").astype(int) for some in (views, elsewhere))
    masks, change = silhouettes(people, views), np.abs(here - there).max(-1)
    assert masks.shape == (24, 128, 64) and masks.min() == 0 and masks.max() == 1
    assert change[masks > 0.999].max() <= 1 and change[masks < 0.001].mean() > 10
    assert 0.12 < masks.mean() < 0.5


def test_the_masks_of_written_pictures_are_those_of_the_people_in_them(world, tiny):
    size, seed = tiny
    for name, root in world.items():
        paths = sorted(str(path) for path in root.rglob("*.jpg"))[:6]
        pictures = {picture.path: picture for picture in write.PICTURES[name](seed, size)}
        shown = [pictures[path.removeprefix(f"{root}/")] for path in paths]
        people, views = [picture.person for picture in shown], [picture.view(seed) for picture in shown]
        for path, person, view in zip(paths, people, views, strict=True):
            with Image.open(path) as image:
                there = np.array(image.convert("RGB")).astype(int)
            again = render([person], [view], modality=view.camera.modality)[0]
            assert np.abs(there - again).mean() < 4  # JPEG
        assert np.array_equal(person_masks(paths), silhouettes(people, views))


def test_in_the_other_modality_the_person_stands_where_the_photograph_shows_them(world):
    photographs = sorted(str(path) for path in world["mini_market"].glob("bounding_box_train/*.jpg"))[:4]
    pictures, masks = paired_views(photographs, ["mini_vi/3", "mini_vi/6"] * 2)
    np.testing.assert_array_equal(masks, person_masks(photographs))
    assert pictures.shape == (4, 128, 64, 3) and (pictures[..., 0] == pictures[..., 2]).all()
    again, _ = paired_views(photographs, ["mini_vi/6", "mini_vi/3"] * 2)
    apart = np.abs(pictures.astype(float) - again).mean(-1)
    # Another camera changes the place far more than the person.
    assert (apart * (masks < 0.01)).sum() / (masks < 0.01).sum() > 15 > apart[masks > 0.99].mean()


@pytest.mark.parametrize(("kind", "source"), [("true", "true infrared"), ("redrawn", "redrawn infrared")])
def test_mini_markets_training_people_are_known_in_infrared(world, kind, source):
    table = read_oracle(world["mini_truth"], kind)
    market = read_dataset("mini_market", world["mini_market"])
    assert set(table.identity) == set(market.identity[market.split == "train"])
    assert set(table.camera) == {"mini_vi/3", "mini_vi/6"}
    assert set(table.source) == {source} and set(table.split) == {"external"}
    assert (table.groupby(["identity", "camera"]).size() == 2).all()


def test_the_oracle_is_out_of_the_data_sets_way(world):
    for name in ("mini_vi", "mini_market"):
        with pytest.raises(ValueError):
            read_dataset(name, world["mini_truth"])
        with pytest.raises(ValueError, match="no pictures"):
            read_oracle(world[name])
    with pytest.raises(ValueError, match="choose one of true, redrawn"):
        read_oracle(world["mini_truth"], "fake")
