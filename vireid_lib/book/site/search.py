"""What the site's search box looks through: sections of chapters, terms of the glossary, things of the library."""

import ast
import html
import importlib.util
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from vireid_lib.book.page.export import GLOSSARY, slug, without_number
from vireid_lib.book.site.library import url
from vireid_lib.experiment.notebooks import Chapter

INDEX = "assets/search.js"
"""A script and no JSON file: a page that was opened from disk may not read other files."""


@dataclass(frozen=True)
class Entry:
    """One thing that can be found.

    Attributes:
        title: its heading or name.
        place: the page it is on.
        url: with anchor, from the site's folder.
        text: what it says.
    """

    title: str
    place: str
    url: str
    text: str


def chapters(chapters: Sequence[Chapter], notebooks: Path) -> list[Entry]:
    """Sections of the notebooks that have run."""
    found = []
    for chapter in chapters:
        path = notebooks / f"{chapter.name}.ipynb"
        if path.exists():
            cells = nbformat.read(path, as_version=4).cells
            source = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            found += _sections(source, chapter.name, without_number(chapter.title), level=2)
    return found


def glossary(path: Path) -> list[Entry]:
    """The terms of the glossary."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return _sections(text, GLOSSARY, GLOSSARY.capitalize(), level=3)


def _sections(markdown: str, name: str, title: str, *, level: int) -> list[Entry]:
    """Entries of a page, one for each heading of that level; what stands before the first belongs to the page."""
    found, mark = [], "#" * level + " "
    heading, lines, anchor = title, [], ""
    for line in [*markdown.splitlines(), mark]:
        if line.startswith(mark) or line == mark.strip():
            text = plain("\n".join(lines))
            if text:
                found.append(Entry(plain(heading), title, f"{name}.html{anchor}", text))
            heading, lines = line.removeprefix(mark).strip(), []
            anchor = f"#{name}-{slug(plain(heading))}"
        elif not line.startswith("#"):
            lines.append(line)
    return found


def library(modules: Iterable[str]) -> list[Entry]:
    """Modules, and their public functions and classes."""
    found = []
    for module in modules:
        tree = ast.parse(Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8"))
        found.append(Entry(module, "library", url(module), _first_paragraph(tree)))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found.append(Entry(node.name, module, url(module, node.name), _first_paragraph(node)))
    return found


def _first_paragraph(node: ast.AST) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def plain(markdown: str) -> str:
    """Markdown as the words that a reader sees; equations stay as they are written."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"<[^>]+>", " ", text)
    text = re.sub(r"(\*\*|__|`)", "", text)
    text = re.sub(r"(?<!\w)\*(\S(?:[^*\n]*\S)?)\*", r"\1", text)
    return html.unescape(" ".join(text.split()))


def write(entries: Iterable[Entry], path: Path) -> None:
    """Write the index as a script that sets `SEARCH`."""
    data = json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"const SEARCH = {data};\n", encoding="utf-8")
