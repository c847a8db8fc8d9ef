"""The chapters as files: py:percent that round-trips, one parameters cell, equations that can be drawn."""

import ast
import html
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest

from vireid_lib.experiment.chapters import RESERVED, find_chapters
from vireid_lib.project import project_root

NOTEBOOKS = project_root() / "notebooks"
FILES = sorted([*NOTEBOOKS.glob("*.py"), *NOTEBOOKS.glob("studies/*.py")])
MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$])\$(?P<inline>[^$\n]+?)\$", re.DOTALL)

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def round_trip(tmp_path_factory):
    """Name of each file → (before, after) jupytext's command line took it to .ipynb and back.

    The command line, because jupytext's Python API ignores pyproject.toml.
    """
    folder = tmp_path_factory.mktemp("round trip")
    shutil.copy(project_root() / "pyproject.toml", folder)
    before = {}
    for path in FILES:
        before[path.stem] = path.read_text()
        (folder / path.name).write_text(before[path.stem])
    for suffix, target in ((".py", "ipynb"), (".ipynb", "py:percent")):
        files = [f"{name}{suffix}" for name in before]
        subprocess.run([sys.executable, "-m", "jupytext", "--quiet", "--to", target, *files], check=True, cwd=folder)
        for name in files if suffix == ".py" else ():
            (folder / name).unlink()
    return {name: (text, (folder / f"{name}.py").read_text()) for name, text in before.items()}


@each_file
def test_the_file_round_trips(path, round_trip):
    before, after = round_trip[path.stem]
    assert after == before


def test_no_executed_notebook_lies_beside_them():
    listed = subprocess.run(["git", "ls-files", "*.ipynb"], cwd=project_root(), capture_output=True, text=True)
    assert listed.stdout == ""


def test_every_chapter_can_be_read_by_the_runner():
    for chapter in find_chapters(NOTEBOOKS):
        assert set(RESERVED) <= set(chapter.parameters) and chapter.parameters["profile"] == ""
        assert chapter.title != chapter.name, f"{chapter.name} has no heading"


@each_file
def test_papermill_itself_finds_every_knob_with_its_default_and_comment(path, tmp_path):
    """`papermill --help-notebook` shows what its own reading of the parameters cell finds, line by line."""
    notebook = jupytext.read(path)
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    found = papermill.inspect_notebook(tmp_path / "notebook.ipynb")
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    values = {line.targets[0].id: ast.unparse(line.value) for line in ast.parse(cell.source).body}
    assert {name: ast.unparse(ast.parse(about["default"], mode="eval")) for name, about in found.items()} == values
    for name, about in found.items():
        assert about["help"], f"{name} has no comment behind its value"
        assert f"  # {about['help']}" in cell.source, f"{name}: {about['help']!r} is not all of its comment"


def test_every_equation_can_be_drawn(tmp_path, chromium):
    """By the MathJax that the site has."""
    equations = []
    for path in FILES:
        for cell in jupytext.read(path).cells:
            if cell.cell_type == "markdown":
                prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
                equations += [found["block"] or found["inline"] for found in MATH.finditer(prose)]
    mathjax = Path(find_spec("mathjax").origin).parent / "static/mathjax/es5/tex-svg-full.js"
    body = "".join(f"<p>\\[{html.escape(equation)}\\]</p>" for equation in equations)
    (tmp_path / "all.html").write_text(f'<meta charset="utf-8"><script src="{mathjax.as_uri()}"></script>{body}')
    page = chromium.new_page()
    page.goto((tmp_path / "all.html").as_uri())
    page.evaluate("MathJax.startup.promise.then(() => true)")
    assert page.locator("mjx-container").count() == len(equations) > 100
    assert page.locator("p:has([data-mjx-error])").all_inner_texts() == []
