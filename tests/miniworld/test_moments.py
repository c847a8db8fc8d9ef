"""The same moment in infrared: person and pose stay, light and place do not."""

import numpy as np
import pytest

from vireid_lib.miniworld import write
from vireid_lib.miniworld.masks import person_masks
from vireid_lib.miniworld.moments import same_moment

TINY = write.Size(
    train_ids=1,
    val_ids=1,
    test_ids=1,
    images_per_camera=1,
    external_ids=2,
    external_images=2,
    market_test_ids=1,
    infrared_images=1,
)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    root = write.make(tmp_path_factory.mktemp("world"), seed=2, size=TINY)["mini_market"]
    return sorted(str(path) for path in root.glob("bounding_box_train/*.jpg"))


def test_the_person_stands_where_the_photograph_shows_them(photographs):
    pictures, masks = same_moment(photographs, ["mini_vi/3", "mini_vi/6"] * 2)
    np.testing.assert_array_equal(masks, person_masks(photographs))
    assert pictures.shape == (4, 128, 64, 3)
    assert (pictures[..., 0] == pictures[..., 2]).all()  # infrared is grey
    again, _ = same_moment(photographs, ["mini_vi/6", "mini_vi/3"] * 2)
    apart = np.abs(pictures.astype(float) - again).mean(-1)
    # Another camera changes the place far more than the person.
    assert (apart * (masks < 0.01)).sum() / (masks < 0.01).sum() > 15 > apart[masks > 0.99].mean()


def test_only_infrared_cameras_and_pictures_of_a_world_are_taken(photographs, tmp_path):
    with pytest.raises(ValueError, match="'mini_vi/1' is not"):
        same_moment(photographs[:1], ["mini_vi/1"])
    with pytest.raises(ValueError, match="4 paths and 1 cameras"):
        same_moment(photographs, ["mini_vi/3"])
    with pytest.raises(ValueError, match="world.json"):
        same_moment([str(tmp_path / "picture.jpg")], ["mini_vi/3"])
