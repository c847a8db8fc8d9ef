"""The chapters as files: py:percent that round-trips, one parameters cell, equations that can be drawn."""

import re
import shutil
import subprocess
import sys

import jupytext
import pytest

from vireid_lib.book.page.math import svg
from vireid_lib.experiment.notebooks import RESERVED, find_chapters
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


@pytest.mark.skipif(not FILES, reason="no chapters")
def test_every_chapter_can_be_read_by_the_runner():
    for chapter in find_chapters(NOTEBOOKS):
        assert set(RESERVED) <= set(chapter.parameters) and chapter.parameters["profile"] == ""
        assert chapter.title != chapter.name, f"{chapter.name} has no heading"


@each_file
def test_every_equation_can_be_drawn(path):
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            for found in MATH.finditer(prose):
                svg(found["block"] or found["inline"], block=bool(found["block"]))
