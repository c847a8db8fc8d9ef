"""One executed chapter to HTML: nbconvert with our own template, equations drawn, code folded."""

import ast
import base64
import copy
import html
import io
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import jinja2
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from PIL import Image
from traitlets.config import Config

from vireid_lib.book.page.math import UnreadableMath, svg

INJECTED, ERROR_MARK = "injected-parameters", "papermill-error-cell-tag"  # papermill's own cells
GLOSSARY = "glossary"  # the chapters link to its terms as glossary.md#term
PRIVATE_PARAMETERS = ("workspace", "data_root")  # somebody's folders, of no use to a reader
LARGE = 100_000  # bytes of an image from which on it is coded with loss
LONG_STREAM = 12  # lines of printed text from which on it is folded
WARNING = re.compile(r"^[^\n]+\.py:\d+: (\w+: [^\n]*\n?)(?:  [^\n]*\n?)?", re.MULTILINE)  # as `warnings` prints one

PRIORITY = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain"]


@dataclass(frozen=True)
class Heading:
    """A section's heading: its text and the id to link to."""

    text: str
    anchor: str


class ChapterExporter(HTMLExporter):
    """Renders a chapter's cells; afterwards `headings` lists its sections.

    Args:
        name: the chapter's name, which makes its anchors unique on the page.
        glossary: page that the glossary stands on, "" for the same one.
    """

    def __init__(self, name: str, *, glossary: str = "") -> None:
        template = (Path(__file__).parent / "chapter.html.j2").read_text(encoding="utf-8")
        settings = Config(
            {"NbConvertBase": {"display_data_priority": PRIORITY}, "CoalesceStreamsPreprocessor": {"enabled": True}}
        )
        super().__init__(config=settings, raw_template=template)
        self._name, self._glossary = name, glossary
        self.headings: list[Heading] = []
        self.register_filter("first_line", first_line)
        for place, name in enumerate(("solution_title", "solution_words", "without_words")):
            self.register_filter(name, lambda source, place=place: solution(source)[place])
        self.register_filter("as_code", lambda source: self.code(source))
        self.register_filter("is_long", lambda text: text.count("\n") > LONG_STREAM)
        self.register_filter("data_uri", data_uri)
        self.register_filter("line_count", lambda text: len(text.rstrip().splitlines()))
        self.register_filter("without_style", without_style)
        self.register_filter("equation", lambda latex: equation(latex.strip().strip("$"), block=True))

    @property
    def default_config(self) -> Config:
        """Without HTMLExporter's own order of output types, which prefers widgets."""
        return Config()

    @jinja2.pass_context
    def markdown2html(self, context: jinja2.runtime.Context, source: str) -> str:
        """Markdown to HTML."""
        return self.prose(source, context.get("cell", {}).get("attachments", {}))

    def code(self, source: str) -> str:
        """A cell's source, highlighted."""
        return Highlight2HTML(pygments_lexer="ipython3")(source)

    def prose(self, source: str, attachments: dict | None = None) -> str:
        """Markdown to HTML, outside of a notebook."""
        renderer = _Renderer(self._name, self.headings, self._glossary, attachments=attachments or {})
        return MarkdownWithMath(renderer=renderer).render(source)


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown renderer with drawn equations and anchors that are unique on the page."""

    def __init__(self, prefix: str, headings: list[Heading], glossary: str, **options: object) -> None:
        super().__init__(escape=False, exclude_anchor_links=True, **options)
        self._prefix, self._headings, self._glossary = prefix, headings, glossary

    def heading(self, text: str, level: int, **_: object) -> str:
        plain = html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
        if level == 1:
            return f'<h2 class="chapter-title">{without_number(text)}</h2>\n'
        anchor = f"{self._prefix}-{slug(plain)}"
        if level == 2:
            self._headings.append(Heading(plain, anchor))
        return f'<h{level + 1} id="{html.escape(anchor)}">{text}</h{level + 1}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        page, _, term = url.partition("#")
        if page == f"{GLOSSARY}.md":
            url = f"{self._glossary}#{GLOSSARY}" + (f"-{slug(urllib.parse.unquote(term))}" if term else "")
        return super().link(text, url, title)

    def inline_math(self, body: str) -> str:
        return equation(body, block=False)

    def block_math(self, body: str) -> str:
        return equation(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return equation(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


def slug(text: str) -> str:
    """A heading as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def without_number(title: str) -> str:
    """A chapter's title without "Chapter 2:" or "2." in front, which the page sets itself."""
    return re.sub(r"^(chapter\s+)?\d+\s*[.:·–-]?\s+", "", title, flags=re.IGNORECASE)


def equation(latex: str, *, block: bool) -> str:
    """An equation as HTML; one that cannot be drawn is shown as it is written, so that no run is lost for it."""
    try:
        drawn = svg(latex, block=block)
    except UnreadableMath:
        drawn = f'<code class="undrawn">{html.escape(latex)}</code>'
    kind = "block" if block else "inline"
    return f'<span class="math {kind}">{drawn}</span>'


def data_uri(encoded: str, kind: str) -> str:
    """An image for the page, base64 in and out: as WebP, which all browsers read and which takes a fraction.

    Charts stay exact. Grids of photographs, which exact coding would leave large, lose what nobody sees; the executed
    notebook keeps the PNG.
    """
    data = base64.b64decode(encoded)
    if kind == "image/png":
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        exact = webp(picture, lossless=True)
        data, kind = (exact if len(exact) < LARGE else webp(picture, quality=92)), "image/webp"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def webp(picture: Image.Image, **options: object) -> bytes:
    """A picture as WebP; `options` are Pillow's."""
    with io.BytesIO() as file:
        picture.save(file, "WEBP", **options)
        return file.getvalue()


def without_style(markup: str) -> str:
    """A table without the rules that pandas sends along, which would be the whole page's; a picture whose points can be
    clicked keeps its own, which speak of nothing else."""
    if 'class="point-picture"' in markup:
        return markup
    return re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL)


def first_line(source: str) -> str:
    """The first line of code that is no import and no comment, to say what a folded cell does."""
    lines = [line for line in source.splitlines() if line.strip()]
    telling = [line for line in lines if not re.match(r"\s*(#|import |from |%)", line)]
    return (telling or lines or [""])[0].strip()


def solution(source: str) -> tuple[str, str, str]:
    """The cell of a solution, "# Solution 1. Words in comments", then code: its title, its words and its code."""
    lines = source.splitlines()
    count = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    title, _, words = " ".join(line.lstrip("# ") for line in lines[:count]).partition(". ")
    return title, words, "\n".join(lines[count:])


def prepared(notebook: NotebookNode) -> NotebookNode:
    """A copy for the reader: one parameters cell with this run's values, none of papermill's own cells, and warnings
    without the file and line of this machine that they came from."""
    notebook = copy.deepcopy(notebook)
    injected = {}
    for cell in _tagged(notebook, INJECTED):
        injected.update(_assignments(cell.source))
    for cell in _tagged(notebook, "parameters"):
        values = {name: injected.get(name, line) for name, line in _assignments(cell.source).items()}
        cell.source = "\n".join(line for name, line in values.items() if name not in PRIVATE_PARAMETERS)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.get("name") == "stderr":
            output.text = WARNING.sub(r"\1", output.text)
    unwanted = [*_tagged(notebook, INJECTED), *_tagged(notebook, ERROR_MARK)]
    notebook.cells = [cell for cell in notebook.cells if not any(cell is other for other in unwanted)]
    return notebook


def _tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def _assignments(source: str) -> dict[str, str]:
    """Name → its line."""
    return {line.targets[0].id: ast.unparse(line) for line in ast.parse(source).body if isinstance(line, ast.Assign)}
