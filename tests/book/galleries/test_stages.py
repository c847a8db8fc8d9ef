"""Chapter 03's stages on a tiny generator: every figure has its pictures, every number its reference."""

import numpy as np
import pytest

from vireid_lib import viz as plots
from vireid_lib.book.galleries import stages as study


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


def test_a_chapter_about_a_generator_compares_it_without_fitting_dive(tiny_book):
    assert study.for_generator(tiny_book, "dive") is tiny_book
    other = study.for_generator(tiny_book, "cyclegan")
    assert other.profile.reid.training_sets == ["real", "grayscale", "cyclegan", "oracle_ir"]
    assert study.for_generator(tiny_book, "grayscale").profile.reid.training_sets == ["real", "oracle_ir", "grayscale"]
    assert study.compared(other, "cyclegan") == ["grayscale", "cyclegan", "resampled_ir", "oracle_ir"]
    with pytest.raises(ValueError, match="no generator 'cyclgan'"):
        study.for_generator(tiny_book, "cyclgan")
