"""The generators by name, and what each of them promises."""

import pytest

from vireid_lib import generators
from vireid_lib.generators.base import Generator, require
from vireid_lib.generators.copies import GreyCopies
from vireid_lib.generators.dive.config import DiveConfig


@pytest.mark.parametrize("name", generators.names())
def test_each_generator_fits_the_interface(name):
    generator = generators.build(name, progress=False)
    assert isinstance(generator, Generator) and generator.capabilities <= {"expand", "translate"}
    require(generator, "expand")
    assert isinstance(generators.configure(name), generator.config_class)
    assert isinstance(generator.config.seed, int)


def test_unknown_generator():
    with pytest.raises(ValueError, match="did you mean dive"):
        generators.build("divee")


def test_configuration_of_another_generator():
    with pytest.raises(ValueError, match=r"takes a GeneratorConfig, not a DiveConfig"):
        generators.build("copies", DiveConfig())


def test_missing_capability():
    class Nothing:
        name, capabilities = "nothing", frozenset({"translate"})

    with pytest.raises(NotImplementedError, match="can't expand"):
        require(Nothing(), "expand")


def test_references_are_loaded_without_having_been_fitted(tmp_path):
    copies = generators.load("copies", tmp_path)
    assert isinstance(copies, GreyCopies) and copies.summary() == {"images": 0}
    with pytest.raises(ValueError, match="call fit"):
        copies.expand(["mini_market/0001"], ["mini_vi/3"], 1, 0, tmp_path)
