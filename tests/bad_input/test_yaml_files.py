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
SECTIONS = [
    "data",
    "reid",
    "reid.config",
    "generators.dive",
    "generators.vae",
    "expand",
    "evaluation",
    "world",
    "images",
    "",
]
HUGE = str(10**20)


def test_kind(row, tried):
    tried(row, globals().get(row["id"]) or partial(_listed, row))


def _listed(row, draw, folder):
    """One of the row's whole files, or a profile or manifest with one of the row's wrong values."""
    if "texts" in row:
        return _text(draw, folder, draw(st.sampled_from(row["texts"])), names=row.get("names", ()))
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


def _any_file(draw):
    """(content, reader) of a profile or a manifest that is whole."""
    if draw(st.booleans()):
        return PROFILES[draw(st.sampled_from(sorted(PROFILES)))], load_profile
    return MANIFESTS[draw(st.sampled_from(sorted(MANIFESTS)))], load_manifest


def _text(draw, folder, data, load=None, names=()):
    path = folder / "own.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    load = load or draw(st.sampled_from([load_profile, load_manifest]))
    return lambda: load(path), [str(path), *names]


def _profile(folder, content, *names):
    """Refused, and named with the key."""
    (folder / "own.yaml").write_text(yaml.safe_dump({**content, "name": "own"}))
    return lambda: load_profile(folder / "own.yaml"), [str(folder / "own.yaml"), *names]


def _manifest(folder, content, *names):
    (folder / "own.yaml").write_text(yaml.safe_dump(content))
    return lambda: load_manifest(folder / "own.yaml"), [str(folder / "own.yaml"), *names]


def yaml_has_tabs(draw, folder):
    content, load = _any_file(draw)
    text = yaml.safe_dump(content)
    return _text(draw, folder, text.replace("\n  ", "\n\t", draw(st.integers(1, 3))), load)


def yaml_writes_a_key_twice(draw, folder):
    content, load = _any_file(draw)
    key = draw(st.sampled_from(sorted(content)))
    return _text(draw, folder, f"{yaml.safe_dump(content)}\n{key}: 3\n", load, [key, "twice"])


def yaml_is_a_template(draw, folder):
    """Braces that no template engine has filled in make a mapping the key of a mapping."""
    content, load = _any_file(draw)
    line = draw(st.sampled_from(["{{ name }}: x", "title: {{ name }}", "? [a, b]\n: c", "x: {{a}: b}"]))
    return _text(draw, folder, f"{yaml.safe_dump(content)}\n{line}\n", load, ["line "])


def yaml_nests_without_end(draw, folder):
    opening = draw(st.sampled_from(["[", "{a: "]))
    return _text(draw, folder, f"title: {opening * draw(st.integers(1500, 3000))}")


def yaml_has_a_number_beyond_measure(draw, folder):
    content, load = _any_file(draw)
    number = draw(st.sampled_from([HUGE, f"-{HUGE}", "0x" + "f" * 20, "9" * 5000, "0o" + "7" * 40]))
    return _text(draw, folder, f"{yaml.safe_dump(content)}\nextra: {number}\n", load, ["64 bits", "line "])


def yaml_is_in_another_encoding(draw, folder):
    content, load = _any_file(draw)
    if encoding := draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", ""])):
        return _text(draw, folder, yaml.safe_dump(content).encode(encoding), load, ["UTF-8"])
    return _text(draw, folder, f"# {'é'}\n".encode("latin-1") + yaml.safe_dump(content).encode(), load, ["line 1"])


def yaml_has_a_byte_order_mark(draw, folder):
    content = {**PROFILES[draw(st.sampled_from(["smoke", "sysu"]))], "name": "own"}
    text = yaml.safe_dump(content).replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    act, _ = _text(draw, folder, b"\xef\xbb\xbf" + text.encode(), load_profile)

    def judge(profile):
        assert profile.title == content["title"]

    return act, judge


def yaml_is_a_folder(draw, folder):
    (folder / "own.yaml").mkdir()
    return lambda: load_manifest(folder / "own.yaml"), [str(folder / "own.yaml")]


def manifest_is_not_there(draw, folder):
    name = draw(st.sampled_from(["sysu", "MM01", "", "gone.yaml", "../datasets/llcm", "a" * 300, "b" * 300 + ".yml"]))
    return lambda: load_manifest(name), [name]


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


def manifest_counts_what_cannot_be_counted(draw, folder):
    content = copy.deepcopy(MANIFESTS["sysu_mm01"])
    what = draw(st.sampled_from(["training images", "train pictures", "", "images", "train camera x images"]))
    content["counts"].append({"what": what, "value": 3, "source": "nobody"})
    return _manifest(folder, content, "what")


def profile_is_not_there(draw, folder):
    name = draw(st.sampled_from(["minni", "Smoke", "", ".", "nowhere.yaml", "smoke.yml", "c" * 300 + ".yaml", "/"]))
    return lambda: load_profile(name), [name]


def profile_has_an_unknown_key(draw, folder):
    """In each section, a slip of the pen and a word of another program."""
    section = draw(st.sampled_from(SECTIONS))
    content = copy.deepcopy(PROFILES["smoke"])
    inner = content
    for key in filter(None, section.split(".")):
        inner = inner[key]
    key = draw(st.sampled_from([draw(st.sampled_from(sorted(map(str, inner)))) + "s_", "lr", "batch size", "Seed"]))
    inner[key] = 3
    return _profile(folder, content, key)


def profile_is_written_for_yaml_1_1(draw, folder):
    """`yes`, `1_000` and `1:30` are texts of YAML 1.2."""
    key, text = draw(
        st.sampled_from(
            [
                ("flip", "generators: {dive: {flip: yes}}"),
                ("flip", "generators: {dive: {flip: off}}"),
                ("steps", "generators: {dive: {steps: 1_000}}"),
                ("steps", "generators: {dive: {steps: 1:30}}"),
                ("seeds", "reid: {backbone: small, seeds: [1_0], training_sets: [real]}"),
                ("trials", "evaluation: {protocol: sysu-mm01, modes: [all], trials: 1:30}"),
            ]
        )
    )
    content = {name: value for name, value in PROFILES["smoke"].items() if name != text.split(":")[0]}
    return _text(draw, folder, yaml.safe_dump({**content, "name": "own"}) + text, load_profile, [key])


def profile_is_named_unlike_its_file(draw, folder):
    content = {**PROFILES["smoke"], "name": draw(st.sampled_from(["smoke", "Own", "own ", "", "own.yaml"]))}
    return _text(draw, folder, yaml.safe_dump(content), load_profile, ["name", "'own'"])


def profile_names_a_file_that_is_not_there(draw, folder):
    place = draw(st.sampled_from(["generators.dive.base_model", "reid.config.pretrained"]))
    value = draw(st.sampled_from(["./gone", "gone.safetensors", "/nowhere/model", "../gone.pth", "~/none such", ""]))
    content = (
        PROFILES["smoke"]
        if place.startswith("generators")
        else {**PROFILES["sysu"], "reid": {**PROFILES["sysu"]["reid"], "config": {}}}
    )
    return _profile(folder, _put(content, place, value), place)


def profile_names_no_path(draw, folder):
    """The home of nobody, or one that is longer than a name may be."""
    if draw(st.booleans()):
        place = draw(st.sampled_from(["generators.dive.base_model", "data.roots.sysu_mm01"]))
        return _profile(folder, _put(PROFILES["sysu"], place, "~no-such-person/x"), "~no-such-person")
    value = draw(st.sampled_from(["./", "/"])) + "d" * draw(st.integers(300, 5000))
    return _profile(folder, _put(PROFILES["smoke"], "generators.dive.base_model", value), "base_model")
