"""Galleries of generators besides DiVE: by name, from one profile, fitted once."""

import pytest
from PIL import Image

from vireid_lib.data.strict import FileError
from vireid_lib.experiment import trainings
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.settings import generator_config

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


@pytest.fixture
def run(tiny_book, tiny_profile):
    """The tiny book's workspace under a profile that compares more generators."""
    sets = ["real", "interpolation", *TINY]
    reid = tiny_profile.reid.model_copy(update={"training_sets": sets})
    profile = tiny_profile.model_copy(update={"generators": TINY, "reid": reid})
    return Run(profile, tiny_book.cache.folder)


@pytest.mark.parametrize("name", ["interpolation", *TINY])
def test_a_gallery_is_made_of_each_external_person_under_each_infrared_camera(run, name):
    table = run.synthesize(name)
    assert len(table) == 3 * 2 * 2 and set(table["camera"]) == {"mini_vi/3", "mini_vi/6"}
    assert (table["split"] == "external").all() and (table["modality"] == "infrared").all()
    with Image.open(table["path"].iloc[0]) as image:
        assert image.size == (32, 64)
    whole = run.training_set(name)
    assert set(whole.loc[whole["source"] != "real", "path"]) == set(table["path"])
    again = run.gallery(name)
    assert again.values["images"] == again.values["distinct"] == 12  # each person has four photographs, or six pairs


def test_a_page_says_how_many_of_the_pictures_differ(run, tiny_profile):
    more = {"expand": {**tiny_profile.expand.model_dump(), "per_camera": 3}}
    own = Run(Profile.model_validate({**run.profile.model_dump(), **more}), run.cache.folder)
    reid = own.profile.reid.model_copy(update={"training_sets": ["real", "cyclegan", "true"]})
    shown = trainings.training_sets(Run(own.profile.model_copy(update={"reid": reid}), own.cache.folder))
    assert shown["of these made"].tolist()[:2] == [0, 3 * 2 * 3]
    assert shown["made, distinct"].tolist() == [0, 3 * 4, shown["of these made"].iloc[2]]


def test_what_a_generator_is_fitted_to_is_a_setting(run):
    data = run.data()
    assert run.fit("cyclegan").values["images"] == len(data.train_rows())
    both = {"cyclegan": TINY["cyclegan"] | {"fit_on": "target+external"}}
    own = Run(run.profile.model_copy(update={"generators": both}), run.cache.folder)
    assert own.fit("cyclegan").values["images"] == len(data.train_rows()) + len(data.external)


def test_the_fitted_generator_translates(run):
    maker = run.generator("flow2flow", expansion="interpolate")
    assert maker.config.expansion == "interpolate"
    assert run.fit("flow2flow").values["steps"] == 1


def test_settings_are_judged_when_the_profile_is_read(tiny_profile):
    def given(**settings):
        return tiny_profile.model_copy(update={"generators": settings})

    with pytest.raises(FileError, match=r"unknown key generators.flow2flow.block; did you mean blocks"):
        generator_config(given(flow2flow={"block": 3}), "flow2flow")
    with pytest.raises(FileError, match="key generators.flow3flow: There is no generator"):
        generator_config(given(flow3flow={}), "flow3flow")
    with pytest.raises(FileError, match="under `dive`"):
        generator_config(given(dive={}), "dive")
    assert generator_config(tiny_profile, "flow2flow").height == 64  # the small recipe, as the world is miniature
    assert generator_config(tiny_profile.model_copy(update={"world": None}), "flow2flow").height == 144
