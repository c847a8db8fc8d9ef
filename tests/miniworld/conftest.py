"""A tiny world on disk, and people who are in none."""

from itertools import islice

import pytest

from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.write import Size, make

TINY = Size(3, 1, 2, images_per_camera=2, external_ids=3, external_images=4, market_test_ids=1, infrared_images=2)
SEED = 4


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The folders of a world of size `TINY`, by data set."""
    return make(tmp_path_factory.mktemp("world"), seed=SEED, size=TINY)


@pytest.fixture(scope="session")
def people():
    return list(islice(people_stream(5, "test"), 24))


@pytest.fixture(scope="session")
def tiny():
    """Size and seed of `world`."""
    return TINY, SEED
