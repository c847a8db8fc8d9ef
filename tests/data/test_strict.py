"""YAML files and parameters mean what YAML 1.2 says, in which `010` is ten and `yes` a word."""

import math

import pytest

from vireid_lib.data.strict import load_yaml

WORDS = "yes no On off y 1:30 1:30.5 1_000 0b11 2024-01-01".split()
NUMBERS = {"010": 10, "08": 8, "-07": -7, "0o10": 8, "0x1F": 31, "+3": 3, "12": 12, "5e-5": 5e-5, "1e3": 1000.0}
NUMBERS |= {".5": 0.5, "5.": 5.0, "-.5": -0.5, "1.0E+2": 100.0, "-.inf": -math.inf}
OTHERS = {"true": True, "FALSE": False, "~": None, "null": None, "": None, "'010'": "010", "{on: 010}": {"on": 10}}
OTHERS |= {"[010, 1:30, yes]": [10, "1:30", "yes"]}


@pytest.mark.parametrize(("text", "meant"), [*zip(WORDS, WORDS, strict=True), *NUMBERS.items(), *OTHERS.items()])
def test_scalars_of_the_core_schema(text, meant):
    found = load_yaml(text)
    assert found == meant and type(found) is type(meant)
