"""The notebooks as lessons: what is shown by hand and checked, exercises with solutions, links that lead somewhere."""

import re
from functools import cache
from urllib.parse import unquote

import jupytext
import pytest
from myst_parser.slugs import github_slugify

from vireid_lib.experiment.chapters import find_chapters
from vireid_lib.project import project_root

NOTEBOOKS = project_root() / "notebooks"
CHAPTERS = [chapter.path for chapter in find_chapters(NOTEBOOKS)]
STUDIES = sorted(NOTEBOOKS.glob("studies/*.py"))
FOLDED = {"source_hidden": True, "outputs_hidden": True}
CHECK = re.compile(r"^\s*(assert |torch\.testing\.|np\.testing\.)", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", [*CHAPTERS, *STUDIES], ids=lambda path: path.stem)


read = cache(jupytext.read)


def cells(path, kind, tag=""):
    found = [cell for cell in read(path).cells if cell.cell_type == kind]
    return [cell for cell in found if not tag or tag in cell.metadata.get("tags", [])]


def prose(path):
    if path.suffix == ".md":
        return path.read_text()
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def headings(path):
    text = re.sub(r"^```.*?^```", "", prose(path), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)


@each_notebook
def test_it_shows_something_by_hand_and_checks_it(path):
    by_hand = [cell.source for cell in cells(path, "code", "by-hand")]
    assert by_hand, 'no cell is tagged "by-hand"'
    assert any(CHECK.search(source) for source in by_hand), "none of the cells by hand asserts anything"


@each_chapter
def test_each_exercise_has_a_folded_solution_that_checks_itself(path):
    solutions = cells(path, "code", "solution")
    for number, cell in enumerate(solutions, start=1):
        assert cell.source.startswith(f"# Solution {number}.\n"), "the first line is seen in JupyterLab, folded or not"
        assert CHECK.search(cell.source)
        assert dict(cell.metadata.get("jupyter", {})) == FOLDED, "unfolded in JupyterLab"
    exercises = prose(path).partition("## Exercises")[2].partition("\n## ")[0]
    asked = re.findall(r"^\*\*(\d+)\.\*\* \w", exercises, re.MULTILINE)
    assert asked == [str(number) for number in range(1, len(solutions) + 1)] and len(asked) >= 2


@each_notebook
def test_every_link_leads_to_a_file_and_a_heading_in_it(path):
    """Links have the form that works in JupyterLab, which opens files of the checkout; the site makes them its own
    (`experiment.publish`). A heading of a notebook is named as in JupyterLab, one of the glossary as on the site."""
    for link in LINK.findall(re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", prose(path), flags=re.DOTALL)):
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), f"{link}: there is no {file}; write e.g. 04_reid_training.py#The-heading"
        if heading:
            name = github_slugify if target.suffix == ".md" else lambda words: words.replace(" ", "-")
            assert [name(each) for each in headings(target)].count(unquote(heading)) == 1, f"{link}: no such heading"
