"""What every method's configuration must do: be written and read, differ by data set where published so, be refused."""

import json

import pytest
from pydantic import ValidationError

from vireid_lib.reid import methods

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
