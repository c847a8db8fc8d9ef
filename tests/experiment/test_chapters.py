"""Chapters on disk; every parameter of every notebook is checked before anything runs, and the nearest value named."""

import pytest

from vireid_lib.experiment.chapters import RESERVED, ChapterError, find_chapters, find_study, parse_overrides
from vireid_lib.project import project_root

NOTEBOOKS = project_root() / "notebooks"
STUDIES = [find_study(NOTEBOOKS / "studies", path.stem) for path in sorted((NOTEBOOKS / "studies").glob("*.py"))]
SHIPPED = [*find_chapters(NOTEBOOKS), *STUDIES]
OWN = [(chapter, name) for chapter in SHIPPED for name in chapter.parameters if name not in RESERVED]
PARAMETERS = 'profile = "mini"\nworkspace = ""\ndata_root = ""\n'
SENSELESS = {str: "no such thing", bool: "yes", int: "-1", float: ".nan", list: "[]"}


@pytest.fixture
def folder(tmp_path):
    second = "count = 4\nnames = ['a']\nshown = True\nword = 'a'\n"
    for name, own in {"01_first": "count = 3\nrate = 0.5\n", "02_second": second}.items():
        text = f'# %% [markdown]\n# # Title of {name}\n\n# %% tags=["parameters"]\n{PARAMETERS}{own}'
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "helper.py").write_text("")
    return tmp_path


def test_chapters_are_found_in_order(folder):
    chapters = find_chapters(folder)
    assert [chapter.name for chapter in chapters] == ["01_first", "02_second"]
    assert chapters[0].title == "Title of 01_first"
    assert chapters[0].parameters == {"profile": "mini", "workspace": "", "data_root": "", "count": 3, "rate": 0.5}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "0 parameters cells"),
        (f'# %% tags=["parameters"]\n{PARAMETERS}x = 1 + y\n', "`x = 1 \\+ y`"),
        (f'# %% tags=["parameters"]\n{PARAMETERS}import os\n', "`import os`"),
        (f'# %% tags=["parameters"]\n{PARAMETERS}x = None\n', "parameter x is None"),
        ('# %% tags=["parameters"]\nprofile = "mini"\nworkspace = ""\n', "does not set data_root"),
        (f'# %% tags=["parameters"]\n{PARAMETERS}x = 3  # 4 or more: pictures\n', "x: it should be .* 4"),
    ],
)
def test_a_bad_parameters_cell_is_refused(tmp_path, cell, expected):
    (tmp_path / "01_bad.py").write_text(f"# %% [markdown]\n# # Title\n\n{cell}")
    with pytest.raises(ChapterError, match=expected):
        find_chapters(tmp_path)


def test_overrides_reach_the_chapters_that_have_them(folder):
    given = parse_overrides(["count=7", "rate=5e-5", "names=[b, c]", "shown=false"], find_chapters(folder))
    assert given["01_first"] == {"count": 7, "rate": 5e-5} and len(given) == 2
    assert given["02_second"] == {"count": 7, "names": ["b", "c"], "shown": False}
    given = parse_overrides(["rate=2"], find_chapters(folder))
    assert given["01_first"]["rate"] == 2.0 and isinstance(given["01_first"]["rate"], float)
    chapter = find_chapters(folder)[1]
    assert parse_overrides(["word=1=[x"], [chapter]) == {"02_second": {"word": "1=[x"}}, "a text is taken as it is"


@pytest.mark.parametrize(("chapter", "name"), OWN, ids=[f"{chapter.name}-{name}" for chapter, name in OWN])
def test_no_parameter_of_a_shipped_notebook_takes_anything(chapter, name):
    """A text must be of some kind; numbers, truth values and lists are refused where they are senseless."""
    with pytest.raises(ChapterError, match=f"-p {name}="):
        parse_overrides([f"{name}={SENSELESS[type(chapter.parameters[name])]}"], [chapter])
