"""Profiles and manifests with one thing wrong are refused: with the file, the key and a remedy."""

import copy
from pathlib import Path

import pytest
import yaml
from remedy import REMEDY

from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError, read_yaml
from vireid_lib.experiment.profile_files import load_profile, profiles_folder
from vireid_lib.project import project_root

CASES = read_yaml(Path(__file__).with_name("broken_settings.yaml"))
MANIFESTS = project_root() / "data_manifests" / "datasets"
SOURCES = {name: (profiles_folder() / f"{name}.yaml", load_profile) for name in ("smoke", "sysu")}
SOURCES |= {"manifest": (MANIFESTS / "sysu_mm01.yaml", load_manifest)}
VALUES = [
    (section, place, value)
    for section, places in CASES.items()
    if section != "files"
    for place, values in places.items()
    for value in values
]
EACH_KIND = pytest.mark.parametrize("load", [load_profile, load_manifest])


def refused(load, path, *names):
    with pytest.raises(FileError) as error:
        load(path)
    assert REMEDY.search(str(error.value)), str(error.value)
    for name in (str(path), *names):
        assert name in str(error.value)


def changed(section, place, value, path):
    """Write the section's file with another value at "a.b.c"; return its reader."""
    source, load = SOURCES[section.removesuffix(" as a whole")]
    content = copy.deepcopy(read_yaml(source)) | ({"name": "own"} if load is load_profile else {})
    *outer, last = place.split(".")
    inner = content
    for key in outer:
        inner = inner.setdefault(key, {})
    inner[last] = value
    path.write_text(yaml.safe_dump(content))
    return load


@pytest.mark.parametrize(("section", "place", "value"), VALUES, ids=[f"{place}={value}" for _, place, value in VALUES])
def test_a_wrong_value_is_refused_with_file_key_and_remedy(section, place, value, tmp_path):
    load = changed(section, place, value, tmp_path / "own.yaml")
    refused(load, tmp_path / "own.yaml", *([] if "whole" in section else [place.rpartition(".")[2]]))


@pytest.mark.parametrize("section", ["", "data", "reid", "reid.config", "generators.dive", "generators.vae", "expand"])
@pytest.mark.parametrize("slip", ["lr", "batch size", "Seed"])
def test_an_unknown_key_is_named_in_every_section(section, slip, tmp_path):
    load = changed("smoke", f"{section}.{slip}".lstrip("."), 3, tmp_path / "own.yaml")
    refused(load, tmp_path / "own.yaml", slip)


@pytest.mark.parametrize("key", ["name", "title", "layout", "cameras", "splits", "counts", "obtain", "protocol"])
def test_a_key_that_a_manifest_lacks_is_named(key, tmp_path):
    content = read_yaml(MANIFESTS / "regdb.yaml")
    del content[key]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    refused(load_manifest, tmp_path / "own.yaml", key)


def test_a_manifest_that_contradicts_itself_is_refused(tmp_path):
    content = read_yaml(MANIFESTS / "sysu_mm01.yaml")
    for place, more, word in (
        (content["cameras"], content["cameras"][0], "twice"),
        (content["protocol"]["modes"]["all"]["gallery"], 77, "77"),
    ):
        place.append(more)
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
        refused(load_manifest, tmp_path / "own.yaml", word)
        place.pop()


@EACH_KIND
@pytest.mark.parametrize("text", [text for texts in CASES["files"].values() for text in texts])
def test_a_file_that_is_none_is_refused(text, load, tmp_path):
    (tmp_path / "own.yaml").write_text(text)
    refused(load, tmp_path / "own.yaml")


@EACH_KIND
@pytest.mark.parametrize(
    ("data", "name"),
    [(f"a: {'[' * 2000}".encode(), ""), ("a: é".encode("latin-1"), "line 1"), ("a: b".encode("utf-16"), "UTF-8")],
)
def test_a_file_of_other_bytes_is_refused(data, name, load, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_bytes(data)
    refused(load, path, name)


@pytest.mark.parametrize("name", ["sysu", "", "../datasets/llcm", "a" * 300, "b" * 300 + ".yml", ".", "/"])
def test_a_name_of_nothing_is_told(name):
    for load in (load_profile, load_manifest):
        if (load, name) != (load_profile, "sysu"):
            with pytest.raises((FileNotFoundError, FileError)) as error:
                load(name)
            assert name.rpartition("/")[2] in str(error.value) and REMEDY.search(str(error.value))


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path):
    text = (profiles_folder() / "smoke.yaml").read_text().replace("name: smoke", "name: own").replace("\n", "\r\n")
    (tmp_path / "own.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_profile(tmp_path / "own.yaml").reid == load_profile("smoke").reid
