"""The prompt corner: a picture is that of its prompt alone, a mixture lies between two people and leaves no trace."""

import inspect

import numpy as np
import pytest
import torch

from vireid_lib import viz as plots
from vireid_lib.viz.explorers import prompt_corner

ONE, TWO, CAMERA = "mini_market/0001", "mini_market/0002", "mini_vi/3"


@pytest.fixture(scope="module")
def model(tiny_book):
    return tiny_book.generator("dive").model


def test_a_picture_is_that_of_the_sampler_and_its_maps_are_in_units_of_their_mean(model):
    from vireid_lib.generators.dive.sample import Request, sample

    drawn = prompt_corner.draw(model, ONE, CAMERA, seed=3)
    alone = sample(model, [Request(ONE, CAMERA, 3)])[0]
    assert np.abs(drawn.image.astype(int) - alone).max() <= 1
    assert list(drawn.maps)[0] == (16, 8)
    for maps in drawn.maps.values():
        assert all(each.mean() == pytest.approx(1, abs=1e-4) for each in maps.values())


def test_a_mixture_is_the_other_person_at_its_end_and_leaves_no_trace(model):
    before = model.rows.rows.detach().clone()
    made = {share: prompt_corner.draw(model, ONE, CAMERA, other=TWO, share=share).image for share in (0.0, 0.5, 1.0)}
    assert torch.equal(model.rows.rows.detach(), before)
    there = prompt_corner.draw(model, TWO, CAMERA).image
    assert np.abs(made[1.0].astype(int) - there).max() <= 1
    count, start = model.tokens.vectors, model.tokens.row(ONE)
    with prompt_corner.mixed_token(model, ONE, TWO, 0.25):
        other = before[model.tokens.row(TWO) :][:count]
        expected = 0.75 * before[start : start + count] + 0.25 * other
        torch.testing.assert_close(model.rows.rows.detach()[start : start + count], expected)
    with pytest.raises(RuntimeError), prompt_corner.mixed_token(model, ONE, TWO, 0.25):
        raise RuntimeError
    assert torch.equal(model.rows.rows.detach(), before)


@pytest.mark.parametrize(
    ("people", "share", "words"),
    [((ONE, ""), 0.5, "two people"), (("", TWO), 0.5, "two people"), ((ONE, TWO), 1.5, "between 0")],
)
def test_mixtures_that_are_none(model, people, share, words):
    with pytest.raises(ValueError, match=words):
        prompt_corner.draw(model, people[0], CAMERA, other=people[1], share=share)


def test_the_corner_draws_every_kind_of_prompt(tiny_book):
    picture, options = prompt_corner.corner(tiny_book)
    defaults = {name: each.default for name, each in inspect.signature(picture).parameters.items()}
    assert set(defaults) == set(options) and all(value in options[name] for name, value in defaults.items())
    made = picture()
    assert isinstance(made, plots.Picture) and "infrared" in made.alt and made.png()[:4] == b"\x89PNG"
    mixed = picture(share=0.5, steps=5, guidance=1.0)
    assert "50 % of 0002" in mixed.alt and len(mixed.axes) > len(made.axes)
    assert "no code" in picture(identity=prompt_corner.NOBODY, code=prompt_corner.NO_CODE, steps=5).alt


def test_a_walk_from_one_person_to_another(tiny_book):
    grid = prompt_corner.walk(tiny_book, pairs=1, shares=(0.0, 1.0))
    assert [len(row) for row in grid.images] == [4] and grid.column_labels[1:3] == ["0 %", "100 %"]
    plots.image_grid(**vars(grid)).png()
