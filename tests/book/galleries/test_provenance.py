"""Where images come from: their row makes them again, and the photographs behind them are shown."""

import numpy as np
import pytest

from vireid_lib import viz as plots
from vireid_lib.book.galleries import provenance


@pytest.mark.parametrize("name", ["dive", "grayscale", "interpolation"])
def test_an_image_is_made_again_from_its_row(tiny_book, name):
    again = provenance.make_again(tiny_book, name, place=1)
    assert again.difference <= 2
    assert "what is recorded" in again.sentence


def test_origins_are_those_on_record_or_the_nearest_photograph(tiny_book):
    blends = provenance.origins(tiny_book, "interpolation", people=2)
    assert blends.row_labels == ["image interpolation", "made from", "and from"]
    made, first, second = (np.stack(row).astype(float) for row in blends.images)
    half = ((first + second) / 2) @ [0.299, 0.587, 0.114]
    assert np.abs(made[..., 0] - half).mean() < 6  # resized before the blend, and after it
    copies = provenance.origins(tiny_book, "grayscale", people=2)
    assert copies.row_labels[1].startswith("nearest photograph")
    grey = np.asarray(copies.images[1][0], float) @ [0.299, 0.587, 0.114]
    assert np.abs(copies.images[0][0][..., 0] - grey).mean() < 2
    plots.image_grid(**vars(blends)).png()
