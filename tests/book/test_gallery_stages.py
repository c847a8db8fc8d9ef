"""Chapter 03's stages on a tiny generator: every figure has its pictures, every number its reference."""

import numpy as np
import pytest

from vireid_lib.book import gallery_stages as study
from vireid_lib.book import plots, stages


def test_swaps_combine_every_person_with_every_code(tiny_book):
    found = study.swaps(tiny_book, people=2)
    assert [len(row) for row in found.grid.images] == [7, 7]
    assert found.colour["modality"].tolist().count("infrared") == 2
    plots.image_grid(**vars(found.grid)).png()


def test_starts_show_photograph_strengths_and_noise(tiny_book):
    grid = study.starts(tiny_book, people=2, strengths=(0.3, 0.9))
    assert [len(row) for row in grid.images] == [4, 4]
    near, far = (np.abs(grid.images[0][0].astype(int) - grid.images[0][column]).mean() for column in (1, 2))
    assert near < far  # more noise, less of the photograph


def test_galleries_stand_beside_the_truth(tiny_book):
    people = study.identities(tiny_book, 2)
    grid = study.beside_the_truth(tiny_book, people, each=1, galleries=["dive", "true"])
    assert [len(row) for row in grid.images] == [6, 6] and len(grid.column_labels) == 6


def test_an_image_is_made_again_from_its_seed(tiny_book):
    again = study.make_again(tiny_book, place=1)
    assert again.difference <= 2
    assert "recorded seed" in again.sentence


@pytest.mark.parametrize(("difference", "words"), [(0, "every pixel"), (1, "made alone"), (40, "more than rounding")])
def test_the_sentence_follows_the_difference(difference, words):
    assert words in study.Again(None, difference).sentence


def test_provenance_shows_short_paths(tiny_book):
    made = stages.gallery(tiny_book, "dive")
    table = study.provenance(made, count=3)
    assert len(table) == 3 and not table["path"].str.startswith("/").any()
