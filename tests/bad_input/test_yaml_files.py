"""Manifests and profiles with one thing wrong: refused with file, key and remedy; see `kinds.yaml`."""

import copy
from functools import partial

import yaml
from hypothesis import strategies as st

from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.text import read_text
from vireid_lib.experiment.profile_files import load_profile, profiles_folder
from vireid_lib.project import project_root

ENTERS = "manifest or profile"
PROFILES = {name: yaml.safe_load(read_text(profiles_folder() / f"{name}.yaml")) for name in ("smoke", "sysu", "llcm")}
FOLDER = project_root() / "data_manifests" / "datasets"
MANIFESTS = {name: yaml.safe_load(read_text(FOLDER / f"{name}.yaml")) for name in ("sysu_mm01", "regdb", "llcm")}


def test_kind(row, tried):
    tried(row, globals().get(row["id"]) or partial(_listed, row))


def _listed(row, draw, folder):
    """One of the row's whole files, or a profile or manifest with one of the row's wrong values."""
    if "texts" in row:
        load = draw(st.sampled_from([load_profile, load_manifest]))
        return _text(load, folder, draw(st.sampled_from(row["texts"])), *row.get("names", ()))
    files, save = (MANIFESTS, _manifest) if row["id"].startswith("manifest") else (PROFILES, _profile)
    content = files[draw(st.sampled_from(row.get("of", sorted(files))))]
    place = draw(st.sampled_from(sorted(row["changes"])))
    names = row.get("names", [place.split(".")[-1]])
    return save(folder, _put(content, place, draw(st.sampled_from(row["changes"][place]))), *names)


def _put(content, place, value):
    """A copy of nested mappings with another value at "a.b.c"."""
    content = copy.deepcopy(content)
    inner = content
    *outer, last = place.split(".")
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return content


def _text(load, folder, data, *names):
    """Refused, and named with the key."""
    path = folder / "own.yaml"
    path.write_text(data)
    return lambda: load(path), [str(path), *names]


def _profile(folder, content, *names):
    return _text(load_profile, folder, yaml.safe_dump({**content, "name": "own"}), *names)


def _manifest(folder, content, *names):
    return _text(load_manifest, folder, yaml.safe_dump(content), *names)


def yaml_writes_a_key_twice(draw, folder):
    content, load = draw(st.sampled_from([(PROFILES["sysu"], load_profile), (MANIFESTS["llcm"], load_manifest)]))
    key = draw(st.sampled_from(sorted(content)))
    return _text(load, folder, f"{yaml.safe_dump(content)}\n{key}: 3\n", key, "twice")


def manifest_lacks_a_key(draw, folder):
    content = dict(MANIFESTS[draw(st.sampled_from(sorted(MANIFESTS)))])
    key = draw(st.sampled_from(["name", "title", "layout", "cameras", "splits", "counts", "obtain", "protocol"]))
    del content[key]
    return _manifest(folder, content, key)


def manifest_contradicts_itself(draw, folder):
    content = copy.deepcopy(MANIFESTS["sysu_mm01"])
    if draw(st.booleans()):
        content["cameras"].append(draw(st.sampled_from(content["cameras"])))
        return _manifest(folder, content, "twice")
    content["protocol"]["modes"]["all"]["gallery"].append(number := draw(st.integers(7, 99)))
    return _manifest(folder, content, str(number))


def profile_is_named_unlike_its_file(draw, folder):
    content = {**PROFILES["smoke"], "name": draw(st.sampled_from(["smoke", "Own", "own ", "", "own.yaml"]))}
    return _text(load_profile, folder, yaml.safe_dump(content), "name", "'own'")
