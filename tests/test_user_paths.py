"""Paths mean the same wherever the book is run from: homes are found, and a profile's belong to its file."""

import os
from pathlib import Path

import pytest
import yaml

from vireid_lib import cli, experiment
from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError
from vireid_lib.experiment import lab
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile_files import load_profile, located, profiles_folder
from vireid_lib.project import project_root


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home, and a shell that is somewhere else."""
    (tmp_path / "home").mkdir()
    (tmp_path / "shell").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "shell")
    return tmp_path / "home"


def written(path: Path, **changed: dict) -> Path:
    """The profile smoke under another name, with other sections."""
    content = yaml.safe_load((profiles_folder() / "smoke.yaml").read_text()) | {"name": path.stem}
    for key, changes in changed.items():
        content[key] = {**content[key], **changes} if isinstance(changes, dict) else changes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


TURBO = "generators.cyclegan_turbo"
SOURCES = ["generators.dive.base_model", "reid.config.pretrained", f"{TURBO}.base_model", f"{TURBO}.judge_model"]
SOURCES += [f"{TURBO}.lpips_features", "generators.aligngan.pretrained", "generators.jsia.pretrained"]
"""Every setting of a profile that names a file or folder."""


def sections(key: str, value: str) -> dict:
    """The sections of a profile in which `key` is `value`, with the settings that this one asks for."""
    *outer, name = key.split(".")
    found = {name: value} | ({"lpips_heads": value, "lpips": "weights"} if name == "lpips_features" else {})
    for section in reversed(outer):
        backbone = name == "pretrained" and section in ("reid", "aligngan", "jsia")
        found = {section: found | ({"backbone": "resnet50"} if backbone else {})}
    return found


def value_at(profile, key):
    found = profile.model_dump()
    for name in key.split("."):
        found = found[name]
    return found


@pytest.mark.parametrize("key", SOURCES)
def test_a_profiles_files_are_relative_to_it_wherever_the_shell_is(home, monkeypatch, key):
    path = written(home / "own" / "mine.yaml", **sections(key, "../own/weights.safetensors"))
    (path.parent / "weights.safetensors").touch()
    for place, name in ((home / "own", "mine.yaml"), (home, "own/mine.yaml"), (project_root(), str(path))):
        monkeypatch.chdir(place)
        assert value_at(load_profile(name), key) == str(path.parent / "weights.safetensors")
        assert load_profile(located(name)) == load_profile(name)


def real(path: Path, root: str) -> Path:
    data = {"target": "sysu_mm01", "external": "market1501"}
    data["roots"] = {"sysu_mm01": f"{root}sysu", "market1501": f"{root}market"}
    return written(path, world=None, data=data, reid={"training_sets": ["real", "grayscale"]})


@pytest.mark.parametrize("root", ["", "./", "data/", "../own/data/", "~/own/data/"])
def test_data_sets_are_relative_to_the_profile(home, monkeypatch, root):
    path = real(home / "own" / "mine.yaml", root)
    folder = home / "own" / ("data" if "data" in root else "")
    for name in ("sysu", "market"):
        (folder / name).mkdir(parents=True)
    for place in (home, home / "own"):
        monkeypatch.chdir(place)
        run = experiment.open(str(path), home / "ws")
        assert run.dataset_root("sysu_mm01").samefile(folder / "sysu")
        again = Run(type(run.profile).model_validate(run.profile.model_dump()), home / "ws", run.data_root or "")
        assert again.dataset_root("market1501").samefile(folder / "market")  # as in another process


def test_a_data_root_on_the_command_line_wins(home):
    path = real(home / "own" / "mine.yaml", "")
    for place in (home / "own", home / "shell"):
        for name in ("sysu", "market"):
            (place / name).mkdir(parents=True)
    Path("sysu").mkdir()
    Path("market").mkdir()
    assert experiment.open(str(path), "ws", ".").dataset_root("sysu_mm01") == Path.cwd() / "sysu"


def test_any_case_of_yaml_is_a_file(home):
    path = written(home / "Mine.YAML")
    path.rename(home / "Other.YML")
    (home / "Other.YML").write_text((home / "Other.YML").read_text().replace("Mine", "Other"))
    assert load_profile(home / "Other.YML").name == "Other"
    assert located("~/Other.YML") == str(home / "Other.YML")
    assert lab.environment("~/Other.YML")["VIREID_PROFILE"] == str(home / "Other.YML")
    with pytest.raises(FileNotFoundError, match=r"Gone\.YAML does not exist"):
        load_profile("Gone.YAML")
    with pytest.raises(FileError, match=r"gone\.YAML does not exist"):
        load_manifest("gone.YAML")


def test_the_command_line_finds_homes_and_refuses_nobodys(home, capsys):
    options = vars(cli.build_parser().parse_args(["book", "--workspace=~/x"]))
    assert str(home / "x") in map(str, options.values())
    with pytest.raises(SystemExit):
        cli.main(["book", "--workspace=~nobody-of-that-name/x"])
    assert "~nobody-of-that-name" in capsys.readouterr().err
    assert os.listdir() == []
