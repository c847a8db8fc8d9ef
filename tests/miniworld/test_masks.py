"""Masks of persons: where the renderer draws one, and nowhere else."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import CAMERAS, sample_view
from vireid_lib.miniworld.masks import person_masks
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render, silhouettes

TINY = write.Size(
    train_ids=1,
    val_ids=1,
    test_ids=1,
    images_per_camera=1,
    external_ids=1,
    external_images=2,
    market_test_ids=1,
    infrared_images=1,
)


def test_a_silhouette_is_what_the_scenery_behind_does_not_change():
    people = list(islice(people_stream(3, "test"), 40))
    rng = np.random.default_rng(0)
    views = [sample_view(rng, replace(CAMERAS["mini_vi/1"], noise=0.0, blur=0.0)) for _ in people]
    elsewhere = [replace(view, camera=replace(view.camera, place=14, style="street")) for view in views]
    here, there = (render(people, some, modality="visible").astype(int) for some in (views, elsewhere))
    masks, change = silhouettes(people, views), np.abs(here - there).max(-1)
    assert masks.shape == (40, 128, 64) and masks.min() == 0 and masks.max() == 1
    assert change[masks > 0.999].max() <= 1
    assert change[masks < 0.001].mean() > 10
    assert 0.12 < masks.mean() < 0.5


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write.make(tmp_path_factory.mktemp("world"), seed=2, size=TINY)


def test_the_masks_of_written_pictures_are_those_of_the_people_in_them(world):
    for name, root in world.items():
        paths = sorted(str(path) for path in root.rglob("*.jpg"))[:6]
        size = {picture.path: picture for picture in write.PICTURES[name](2, TINY)}
        shown = [size[path.removeprefix(f"{root}/")] for path in paths]
        people, views = [picture.person for picture in shown], [picture.view(2) for picture in shown]
        for path, person, view in zip(paths, people, views, strict=True):
            with Image.open(path) as image:
                there = np.array(image.convert("RGB")).astype(int)
            again = render([person], [view], modality=view.camera.modality)[0]
            assert np.abs(there - again).mean() < 4  # JPEG
        assert np.array_equal(person_masks(paths), silhouettes(people, views))


def test_other_pictures_are_refused(world, tmp_path):
    with pytest.raises(ValueError, match="is no picture that"):
        person_masks([str(world["mini_vi"] / "cam1/0001/0099.jpg")])
    with pytest.raises(ValueError, match="no folder with a world.json"):
        person_masks([str(tmp_path / "a.jpg")])
