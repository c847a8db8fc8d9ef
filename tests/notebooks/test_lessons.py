"""The chapters as lessons: what one learns, an equation in code, exercises with solutions, words that are explained."""

import re

import jupytext
import pytest

from vireid_lib.experiment.notebooks import MAIN_GENERATOR, find_chapters, for_generator
from vireid_lib.project import project_root

NOTEBOOKS = project_root() / "notebooks"
CHAPTERS = [chapter.path for chapter in find_chapters(NOTEBOOKS)]
FOLDED = {"source_hidden": True, "outputs_hidden": True}
NO_EQUATION = ("08",)  # the chapter on mistakes has none of its own

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path):
    """The chapter's cells as it runs unless another generator is asked for."""
    return for_generator(jupytext.read(path), MAIN_GENERATOR).cells


def cells(path, kind, tag=""):
    found = [cell for cell in read(path) if cell.cell_type == kind]
    return [cell for cell in found if not tag or tag in cell.metadata.get("tags", [])]


@each_chapter
def test_the_first_cell_says_the_question_the_cost_and_what_is_learned(path):
    first = cells(path, "markdown")[0].source
    question, this, learn = "**The question.**", "**This chapter** reads", "**You will learn**"
    parts = ["# ", question, this, "makes", "costs", learn, "**You need**"]
    places = [first.find(part, max(first.find(this), 0) if part in ("makes", "costs") else 0) for part in parts]
    assert -1 not in places and places == sorted(places), dict(zip(parts, places, strict=True))
    assert 3 <= len(re.findall(r"^- ", first, re.MULTILINE)) <= 4


@each_chapter
def test_an_equation_stands_in_code_beside_its_symbols(path):
    if path.stem.startswith(NO_EQUATION):
        return
    notebook = read(path)
    (place,) = [i for i, cell in enumerate(notebook) if "equation" in cell.metadata.get("tags", [])]
    assert len([line for line in notebook[place].source.partition("\n\n")[0].splitlines() if line]) == 3
    words = next(cell.source for cell in reversed(notebook[:place]) if cell.cell_type == "markdown")
    names = re.findall(r"^\|[^|]+\|([^|]+)\|", words, re.MULTILINE)
    assert "| symbol | in the code | what it is |" in words and len(names) >= 5  # head, rule, and three symbols
    code = "\n".join(cell.source for cell in notebook if cell.cell_type == "code")
    for name in re.findall(r"`([A-Za-z_.]+)[^`]*`", " ".join(names[2:])):
        assert name.split(".")[-1] in code, f"{name} is explained and not in the code"


def solution(source):
    """A solution's title, the words of its comments, and its code."""
    comments, code = re.fullmatch(r"((?:#[^\n]*\n)+)(.*)", source, re.DOTALL).groups()
    title, _, words = " ".join(line.lstrip("# ") for line in comments.splitlines()).partition(". ")
    return title, words, code


@each_chapter
def test_two_exercises_have_folded_solutions_that_check_themselves(path):
    solutions = cells(path, "code", "solution")
    assert len(solutions) == 2
    for number, cell in enumerate(solutions, start=1):
        title, words, code = solution(cell.source)
        assert title == f"Solution {number}" and len(words.split()) > 15
        assert cell.source.startswith(f"# Solution {number}.\n"), "the first line is seen in JupyterLab, folded or not"
        assert re.search(r"^\s*(assert |torch\.testing)", code, re.MULTILINE) and "print(" in code
        assert dict(cell.metadata.get("jupyter", {})) == FOLDED, "unfolded in JupyterLab"
    prose = "\n".join(cell.source for cell in cells(path, "markdown"))
    after = prose[prose.index("## Exercises") :]
    assert all(part in after for part in ("**1.**", "**2.**", "## Something to try", "## Further reading"))
    assert len(re.findall(r"^- .*?\"", after[after.index("## Further reading") :], re.MULTILINE | re.DOTALL)) >= 4


def test_every_link_to_the_glossary_finds_its_term():
    headings = re.findall(r"^#+ (.*)", (NOTEBOOKS / "glossary.md").read_text(), re.MULTILINE)
    terms = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}  # as the site has them
    for path in CHAPTERS:
        prose = "\n\n".join(cell.source for cell in cells(path, "markdown"))
        missing = set(re.findall(r"\(glossary\.md#([^)]+)\)", prose)) - terms
        assert not missing, f"{path.stem}: {missing}"


def test_the_glossary_is_short_and_each_term_is_explained():
    text = (NOTEBOOKS / "glossary.md").read_text()
    terms = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert 30 <= len(terms) <= 60 and len(text.split()) < 1500
    for term in terms:
        name, _, words = term.partition("\n")
        assert len(words.split("## ")[0].split()) >= 8, f"{name} is not explained"
