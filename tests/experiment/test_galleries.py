"""Galleries of every generator: by name, from one profile, fitted once."""

import pytest
from PIL import Image


@pytest.mark.parametrize("name", ["dive", "cyclegan"])
def test_a_gallery_is_made_of_each_external_person_under_each_infrared_camera(tiny_book, name):
    table = tiny_book.synthesize(name)
    assert len(table) == 3 * 2 * 2 and set(table["camera"]) == {"mini_vi/3", "mini_vi/6"}
    assert (table["split"] == "external").all() and (table["modality"] == "infrared").all()
    with Image.open(table["path"].iloc[0]) as image:
        assert image.size == (32, 64)
    whole = tiny_book.training_set(name)
    assert set(whole.loc[whole["source"] != "real", "path"]) == set(table["path"])
    values = tiny_book.gallery(name).values
    assert values["images"] == values["distinct"] == 12  # each person has four photographs, or six pairs


def test_a_page_says_how_many_of_the_pictures_differ(tiny_run):
    own = tiny_run({"expand.per_camera": 3})
    sizes = own.gallery("cyclegan").values
    assert (sizes["images"], sizes["distinct"]) == (3 * 2 * 3, 3 * 4)
    sizes = own.gallery("oracle_ir").values
    assert sizes["images"] == sizes["distinct"] > 0


def test_a_variant_shares_its_generators_fit_and_makes_pictures_of_its_own(tiny_book):
    assert tiny_book.fit("dive_from_image").key == tiny_book.fit("dive").key
    one, other = (tiny_book.synthesize(name) for name in ("dive", "dive_from_image"))
    assert not set(one["path"]) & set(other["path"]) and len(one) == len(other)
    assert tiny_book.generator("dive_from_image").config.start == "image"
