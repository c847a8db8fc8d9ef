"""Chapter 02 for any generator: its card, its settings with meanings, its losses, its pictures."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib import generators
from vireid_lib import viz as plots
from vireid_lib.book.fitting import chapter as fitting

TINY = {"cyclegan": {"generator_width": 2, "blocks": 1, "discriminator_width": 2, "steps": 2, "batch": 1}}


@pytest.fixture(scope="module")
def run(with_generators):
    return with_generators(TINY)


@pytest.mark.parametrize("name", generators.names())
def test_every_generator_says_what_it_is_and_where_its_settings_come_from(run, name):
    made = generators.generator_class(name)
    if name != "dive":  # what DiVE can do is asked of a fitted one
        card = fitting.card(run, name)
        assert card["what"].str.len().min() > 2 and "`" not in "".join(card["what"])
    table = fitting.settings(run, name)
    assert table["setting"].tolist() == list(made.config_class.model_fields)
    assert fitting.settings_source(name)


def test_meanings_are_read_from_the_docstrings_of_a_class_and_of_those_it_inherits_from(run):
    table = fitting.settings(run, "cyclegan").set_index("setting")
    assert table.loc["cycle_weight", "meaning"] == "λ of the cycle loss (Eq. 3)."
    assert table.loc["blocks", "meaning"].endswith("the paper's for small images.")  # named with others
    assert table.loc["padding", "meaning"] == "move training images by up to so many pixels."
    assert table.loc["blocks", ["here", "default"]].tolist() == ["1", "9"]
    assert "font-weight: bold" in fitting.shown_settings(run, "cyclegan").to_html()


def test_losses_are_drawn_and_their_absence_is_said(run):
    fitting.losses(run, "cyclegan").png()
    assert "*Greyscale copies*: nothing is learned" in fitting.losses(run, "grayscale").data
    told = fitting.cost(run, "cyclegan").set_index("")["here"]
    assert told["steps"] == "2" and int(told["images"].replace(",", "")) > 0
    with pytest.raises(ValueError, match="without a loss"):
        plots.loss_panels(pd.DataFrame({"step": [1]}))


def test_what_is_learned_from_has_no_infrared_of_external_people(run):
    for name, external in (("dive", True), ("cyclegan", False), ("interpolation", True)):
        table = fitting.learned_from(run, name).set_index(["data set", "modality"])
        assert ("mini_market", "infrared") not in table.index and len(table) == 2 + external
        assert (("mini_market", "visible") in table.index) == external


@pytest.mark.parametrize(("name", "word"), [("cyclegan", "translated"), ("interpolation", "image interpolation")])
def test_pictures_before_and_after(run, name, word):
    for external, last in ((False, "real,\ncamera 6"), (True, "same moment,\ncamera 3")):
        grid = fitting.before_and_after(run, name, people=2, external=external)
        assert grid.column_labels[1].startswith(word) and grid.column_labels[-1] == last
        assert {image.shape for row in grid.images for image in row} == {(64, 32, 3)}
    plots.image_grid(**vars(grid)).png()


def test_grey_copies_lose_their_colour_and_know_no_camera(run):
    grid = fitting.before_and_after(run, "grayscale", people=2)
    told = fitting.what_changed(run, "grayscale", grid)
    assert "to 0.0 (0 is grey)" in told and "knows modalities, not cameras" in told
    grid.images[0][2] = np.zeros_like(grid.images[0][2])
    assert "of 255 levels" in fitting.what_changed(run, "grayscale", grid)


def test_the_other_way_is_shown_where_there_is_one(run):
    fitting.other_way(run, "cyclegan", people=2).png()
    assert "no infrared image" in fitting.other_way(run, "grayscale").data
