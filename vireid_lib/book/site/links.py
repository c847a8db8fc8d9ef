"""Code of a chapter with links: a name that comes from the library leads to its page there."""

import ast
import html
import importlib
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass

from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from vireid_lib.book.page.export import ChapterExporter
from vireid_lib.book.site import library

OPEN, MIDDLE, CLOSE = "\ue000", "\ue001", "\ue002"  # private characters that no code contains
MARKED = re.compile(f"{OPEN}(\\d+){MIDDLE}(.*?){CLOSE}")


@dataclass(frozen=True)
class Link:
    """A name in a cell's source.

    Attributes:
        start, end: its characters.
        module: where the thing is defined.
        name: of the thing within the module, "" for the module itself.
    """

    start: int
    end: int
    module: str
    name: str


class Names:
    """What the names of a notebook mean, cell by cell."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, str, str]] = {}

    def links(self, source: str) -> list[Link]:
        """Every name of the library in a cell's source, in order; the cell's imports count for later cells too."""
        try:
            tree = ast.parse(source)
        except SyntaxError:  # a cell of the shell or of a magic command
            return []
        starts = _line_starts(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library.ROOT:
                for alias in node.names:
                    self._known[alias.asname or alias.name] = _import(node.module, alias.name)
        found = []
        for node in ast.walk(tree):
            if isinstance(node, ast.alias) and (target := self._known.get(node.asname or node.name)):
                begin = _offset(source, starts, node.lineno, node.col_offset)
                found.append(Link(begin, begin + len(node.name), *target[1:]))
            elif isinstance(node, ast.Name | ast.Attribute) and (target := self._meaning(node)):
                end = _offset(source, starts, node.end_lineno, node.end_col_offset)
                word = node.attr if isinstance(node, ast.Attribute) else node.id
                found.append(Link(end - len(word), end, *target[1:]))
        return sorted(found, key=lambda link: link.start)

    def _meaning(self, node: ast.expr) -> tuple[object, str, str] | None:
        if isinstance(node, ast.Name):
            return self._known.get(node.id)
        if isinstance(node, ast.Attribute) and (holder := self._meaning(node.value)):
            thing, module, name = holder
            if isinstance(thing, types.ModuleType) and hasattr(thing, node.attr):
                return _import(thing.__name__, node.attr)
            if isinstance(thing, type) and node.attr in vars(thing):
                return vars(thing)[node.attr], module, f"{name}.{node.attr}"
        return None


def _import(module: str, name: str) -> tuple[object, str, str]:
    """A thing, the module that defines it and its name there."""
    holder = importlib.import_module(module)
    try:
        thing = getattr(holder, name)
    except AttributeError:
        thing = importlib.import_module(f"{module}.{name}")
    if isinstance(thing, types.ModuleType):
        return thing, thing.__name__, ""
    home = getattr(thing, "__module__", None)
    qualified = getattr(thing, "__qualname__", None)
    if isinstance(home, str) and isinstance(qualified, str) and home.split(".")[0] == library.ROOT:
        return thing, home, qualified
    return thing, module, name


def _line_starts(source: str) -> list[int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _offset(source: str, starts: list[int], line: int, column: int) -> int:
    """Characters before a place that `ast` gives in bytes of its line."""
    text = source[starts[line - 1] : starts[line]]
    return starts[line - 1] + len(text.encode()[:column].decode())


def highlighted(source: str, links: list[Link]) -> str:
    """Python source as highlighted HTML, in which the links' characters lead to the library's pages."""
    at = {link.start: number for number, link in enumerate(links)}

    def tokens() -> Iterator[tuple]:
        for place, kind, text in PythonLexer(ensurenl=False).get_tokens_unprocessed(source):
            if (number := at.get(place)) is not None and not text.isspace():
                yield kind, f"{OPEN}{number}{MIDDLE}{text}{CLOSE}"
            else:
                yield kind, text

    class _Link:
        def __call__(self, match: re.Match) -> str:
            link = links[int(match[1])]
            title = html.escape(f"{link.module}.{link.name}".rstrip("."))
            return f'<a class="api" href="{library.url(link.module, link.name)}" title="{title}">{match[2]}</a>'

    with_marks = _format(tokens())
    return f'<div class="highlight hl-python">{MARKED.sub(_Link(), with_marks)}</div>'


def _format(tokens: Iterator[tuple]) -> str:
    from pygments import format as formatted

    return formatted(tokens, HtmlFormatter(nowrap=False, cssclass="source"))


class LinkingExporter(ChapterExporter):
    """A chapter for the site; afterwards `modules` are those of the library that its code names.

    Args:
        glossary: page of the glossary.
    """

    def __init__(self, name: str, *, glossary: str) -> None:
        super().__init__(name, glossary=glossary)
        self.modules: set[str] = set()
        self._names = Names()

    def code(self, source: str) -> str:
        """A cell's source, with links."""
        links = self._names.links(source)
        self.modules |= {link.module for link in links}
        return highlighted(source, links)
