"""Every parameter of every notebook is checked before anything runs, and the nearest valid value is named."""

import textwrap

import pytest

from vireid_lib.experiment.notebooks import RESERVED, ChapterError, find_chapters, find_study, parse_overrides
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.project import project_root

NOTEBOOKS = project_root() / "notebooks"
STUDIES = [find_study(NOTEBOOKS / "studies", path.stem) for path in sorted((NOTEBOOKS / "studies").glob("*.py"))]
SHIPPED = [*find_chapters(NOTEBOOKS), *STUDIES]
OWN = [(chapter, name) for chapter in SHIPPED for name in chapter.parameters if name not in RESERVED]


def given(text, only="05", profile=None):
    return parse_overrides([text], find_chapters(NOTEBOOKS, [only] if only else []), profile)


@pytest.mark.parametrize(("chapter", "name"), OWN, ids=[f"{chapter.name}-{name}" for chapter, name in OWN])
def test_no_parameter_of_a_shipped_notebook_takes_anything(chapter, name):
    """A text must be of some kind; numbers, truth values and lists are refused where they are senseless."""
    kind = type(chapter.parameters[name])
    senseless = {str: "no such thing", bool: "yes", int: "-1", float: ".nan", list: "[]"}[kind]
    with pytest.raises(ChapterError, match=f"-p {name}="):
        parse_overrides([f"{name}={senseless}"], [chapter])


@pytest.mark.parametrize(
    ("text", "only", "value"),
    [
        ("metric=mean_ap", "04", "mean_ap"),
        ("people=010", "05", 10),
        ("people=0x1F", "05", 31),
        ("strengths=[1, 5e-1]", "03", [1.0, 0.5]),
        ("query_number=0", "01", 0),
    ],
)
def test_right_values_are_taken(text, only, value):
    (found,) = given(text, only).values()
    assert found == {text.partition("=")[0]: value}


def test_a_generator_is_one_that_there_is():
    study = [find_study(NOTEBOOKS / "studies", "tour")]
    assert parse_overrides(["generator=vae"], study) == {"tour": {"generator": "vae"}}
    for wrong, words in (("CycleGAN", "did you mean cyclegan"), ("", "is no generator")):
        with pytest.raises(ChapterError, match=words):
            parse_overrides([f"generator={wrong}"], study)


def test_several_generators_stand_between_commas():
    study = [find_study(NOTEBOOKS / "studies", "dive")]
    assert parse_overrides(["compared=grayscale, vae"], study) == {"dive": {"compared": "grayscale, vae"}}
    assert parse_overrides(["compared="], study) == {"dive": {"compared": ""}}
    for wrong, words in (("grayscale,VAE", "did you mean vae"), ("real", "is no generator")):
        with pytest.raises(ChapterError, match=words):
            parse_overrides([f"compared={wrong}"], study)


@pytest.mark.parametrize("name", ["oracle_ir", "dive_from_image"])
def test_what_only_the_miniature_world_or_one_profile_has_is_refused_elsewhere(name):
    held = given(f"compared={name}", profile=load_profile("mini"))
    assert held["05_embedding_analysis"] == {"compared": name}
    with pytest.raises(ChapterError, match=f"'{name}' is no training set"):
        given(f"compared={name}", profile=load_profile("sysu"))


def test_weights_are_a_file_or_on_the_hub(tmp_path, monkeypatch):
    cell = 'profile = ""\nworkspace = ""\ndata_root = ""\ninception = ""  # weights: of an Inception-v3\n'
    (tmp_path / "01_own.py").write_text(f'# %% tags=["parameters"]\n{cell}')
    (tmp_path / "inception.pth").touch()
    monkeypatch.chdir(tmp_path)
    chapters = find_chapters(tmp_path)
    for text, taken in (("", ""), ("a/b.c-d", "a/b.c-d"), ("inception.pth", str(tmp_path / "inception.pth"))):
        assert parse_overrides([f"inception={text}"], chapters) == {"01_own": {"inception": taken}}
    for wrong in ("no such thing", "inception.bin", "x" * 5000, "a/b/c"):
        with pytest.raises(ChapterError, match="is no file of weights"):
            parse_overrides([f"inception={wrong}"], chapters)


def test_a_default_that_its_own_kind_forbids_is_refused(tmp_path):
    (tmp_path / "01_bad.py").write_text(
        textwrap.dedent("""\
        # %% tags=["parameters"]
        profile = ""
        workspace = ""
        data_root = ""
        shown = 3  # 4 or more: pictures
        """)
    )
    with pytest.raises(ChapterError, match="01_bad.py: parameter shown: 3 is too small; write 4 or more"):
        find_chapters(tmp_path)
