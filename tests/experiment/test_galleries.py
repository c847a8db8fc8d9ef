"""Galleries of every generator: by name, from one profile, fitted once."""

import pytest
from PIL import Image

TINY = {
    "flow2flow": {
        "blocks": 2,
        "squeezes": 1,
        "coupling_width": 4,
        "discriminator_width": 2,
        "steps": 1,
        "identities": 2,
        "images": 1,
        "visible_only": 1,
    },
    "cyclegan": {"generator_width": 2, "blocks": 1, "discriminator_width": 2, "steps": 1, "batch": 1},
}


@pytest.fixture(scope="module")
def run(with_generators):
    return with_generators(TINY)


def with_settings(run, section, **changes):
    own = getattr(run.profile, section).model_copy(update=changes)
    return run.with_profile(run.profile.model_copy(update={section: own}))


@pytest.mark.parametrize("name", ["interpolation", "dive", *TINY])
def test_a_gallery_is_made_of_each_external_person_under_each_infrared_camera(run, name):
    table = run.synthesize(name)
    assert len(table) == 3 * 2 * 2 and set(table["camera"]) == {"mini_vi/3", "mini_vi/6"}
    assert (table["split"] == "external").all() and (table["modality"] == "infrared").all()
    with Image.open(table["path"].iloc[0]) as image:
        assert image.size == (32, 64)
    whole = run.training_set(name)
    assert set(whole.loc[whole["source"] != "real", "path"]) == set(table["path"])
    values = run.gallery(name).values
    assert values["images"] == values["distinct"] == 12  # each person has four photographs, or six pairs


def test_a_page_says_how_many_of_the_pictures_differ(run):
    own = with_settings(run, "expand", per_camera=3)
    sizes = own.gallery("cyclegan").values
    assert (sizes["images"], sizes["distinct"]) == (3 * 2 * 3, 3 * 4)
    sizes = own.gallery("oracle_ir").values
    assert sizes["images"] == sizes["distinct"] > 0


def test_what_a_generator_is_fitted_to_is_a_setting(run, with_generators):
    data = run.data()
    assert run.fit("cyclegan").values["images"] == len(data.train_rows())
    both = with_generators({"cyclegan": TINY["cyclegan"] | {"fit_on": "target+external"}})
    whole = {*data.train_rows()["path"], *data.external["path"]}
    assert set(both.fitted_rows("cyclegan")["path"]) == set(run.fitted_rows("dive")["path"]) == whole
    assert both.fit("cyclegan").values["images"] == len(whole)
    assert run.fit("dive", external=False).values["images"] == len(data.train_rows())


def test_a_variant_shares_its_generators_fit_and_makes_pictures_of_its_own(run):
    assert run.fit("dive_from_image").key == run.fit("dive").key
    one, other = (run.synthesize(name) for name in ("dive", "dive_from_image"))
    assert not set(one["path"]) & set(other["path"]) and len(one) == len(other)
    assert run.generator("dive_from_image").config.start == run.generator("dive", start="image").config.start


def test_the_worlds_own_infrared_needs_no_generator(run):
    table = run.synthesize("oracle_ir")
    assert set(table["identity"]) == set(run.data().external["identity"]) and len(table) <= 3 * 2 * 2
    assert run.gallery("oracle_ir").values["images"] == len(table)
