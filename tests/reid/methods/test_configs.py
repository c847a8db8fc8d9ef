"""What every method's configuration must do: be written and read, differ by data set where published so, be refused."""

import json
from typing import get_args

import pytest
from pydantic import ValidationError

from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.reid import methods
from vireid_lib.reid.config import Origin, ReidConfig
from vireid_lib.reid.methods.agw import AgwConfig

every_method = pytest.mark.parametrize("name", methods.names())


@every_method
def test_a_configuration_survives_being_written_as_json(name):
    kind = methods.method_class(name).config_class
    for config in (kind(), kind.small(), *(kind.published(dataset) for dataset in ("sysu_mm01", "regdb", "llcm"))):
        assert config.method == name
        assert methods.configure(name, json.loads(json.dumps(config.model_dump()))) == config


@every_method
def test_changes_reach_each_recipe_and_unknown_ones_are_refused(name):
    kind = methods.method_class(name).config_class
    for make in (kind, kind.small, lambda **changes: kind.published("regdb", **changes)):
        assert make(identities=3).identities == 3
        with pytest.raises(ValidationError, match="identites"):
            make(identites=3)


def test_every_setting_of_every_method_says_where_it_comes_from():
    for kind in (JsiaReidConfig, *(methods.method_class(name).config_class for name in methods.names())):
        origins = kind.origins()
        assert list(origins) == list(kind.model_fields) and set(origins.values()) <= set(get_args(Origin))
        assert "ORIGINS" in vars(kind) or kind.__name__ == "MpanetExpandedConfig", "its own settings pass for ours"


def test_an_origin_is_of_the_class_that_speaks_last():
    class First(ReidConfig):
        ORIGINS = {"release": ("*", "similarity"), "paper": ("height",)}
        height: int = 4
        width: int = 2

    class Second(First):
        ORIGINS = {"miniature world": ("width",)}
        margin: float = 0.3

    class Third(Second):
        width: int = 3

    assert First.origins()["height"] == "paper" and First.origins()["width"] == "release"
    found = Second.origins()
    assert (found["width"], found["height"], found["similarity"]) == ("miniature world", "paper", "release")
    assert found["margin"] == found["steps"] == "ours", "nobody said"
    assert Third.origins()["width"] == "miniature world"


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ({"thin air": ("margin",)}, "Wrong.ORIGINS: there is no origin 'thin air'; use one of paper, release"),
        ({"paper": ("margins",)}, "there is no setting 'margins'"),
        ({"paper": ("margin",), "ours": ("margin",)}, "names 'margin' twice"),
    ],
)
def test_unknown_origins_and_settings_are_refused(origins, message):
    with pytest.raises(ValueError, match=message):
        type("Wrong", (AgwConfig,), {"ORIGINS": origins, "__module__": __name__})
