"""YAML files and parameters mean what YAML 1.2 says, in which `010` is ten and `yes` a word."""

import math

import pytest
import yaml

from vireid_lib.data import yaml12
from vireid_lib.data.strict import FileError, Strict, read_model


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("010", 10),
        ("08", 8),
        ("-07", -7),
        ("0o10", 8),
        ("0x1F", 31),
        ("+3", 3),
        ("12", 12),
        ("5e-5", 5e-5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5", -0.5),
        ("1.0E+2", 100.0),
        ("-.inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("On", "On"),
        ("off", "off"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2024-01-01", "2024-01-01"),
        ("'010'", "010"),
        ("[010, 1:30, yes]", [10, "1:30", "yes"]),
        ("{on: 010}", {"on": 10}),
    ],
)
def test_scalars_of_the_core_schema(text, meant):
    found = yaml12.load(text)
    assert found == meant and type(found) is type(meant)


def test_not_a_number_is_one():
    assert math.isnan(yaml12.load(".nan"))


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [1\n", "!!python/name:os.system x"])
def test_what_is_no_yaml_or_writes_a_key_twice_is_refused(text):
    with pytest.raises(yaml.YAMLError):
        yaml12.load(text)


class Settings(Strict):
    steps: int = 1
    flip: bool = False
    rate: float = 0.5


@pytest.mark.parametrize("line", ["steps: 1:30", "steps: 1_000", "steps: yes", "flip: yes", "flip: off", "rate: 1:30"])
def test_a_file_with_version_1_1s_scalars_is_refused_by_key(tmp_path, line):
    path = tmp_path / "settings.yaml"
    path.write_text(line + "\n")
    with pytest.raises(FileError, match=f"settings.yaml: key {line.split(':')[0]} is '"):
        read_model(path, Settings)


def test_zeros_in_front_mean_nothing_in_a_file(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("steps: 010\n")
    assert read_model(path, Settings).steps == 10
