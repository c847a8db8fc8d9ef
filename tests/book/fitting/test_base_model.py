"""What the base model knows: grids of the right shape, losses by modality, noise at the end; nothing twice."""

import numpy as np

from vireid_lib import viz as plots
from vireid_lib.book.fitting import base_model as study


def test_the_base_model_draws_captions(tiny_book):
    grid = study.base_samples(tiny_book, prompts=2, each=2)
    assert [len(row) for row in grid.images] == [3, 3] and grid.column_labels[0] == "drawn"
    again = study.base_samples(tiny_book, prompts=2, each=2)
    assert np.array_equal(grid.images[1][2], again.images[1][2])
    assert not np.array_equal(grid.images[0][1], grid.images[0][2])
    plots.image_grid(**vars(grid)).png()


def test_reconstructions_are_measured_by_modality(tiny_book):
    found = study.reconstructions(tiny_book, measured=8, shown=2)
    assert found.table["modality"].tolist() == ["visible", "infrared"]
    assert (found.table["images"] == 4).all() and (found.table["PSNR (dB)"] < 60).all()
    assert [len(row) for row in found.grid.images] == [4, 4]


def test_noising_ends_in_noise(tiny_book):
    found = study.noising(tiny_book)
    assert found.grid.row_labels == ["visible", "infrared"]
    squares = found.schedule["signal"] ** 2 + found.schedule["noise"] ** 2
    np.testing.assert_allclose(squares, 1, atol=1e-5)
    assert found.schedule["signal"].is_monotonic_decreasing
