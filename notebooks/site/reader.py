"""A Sphinx extension: executed notebooks as a reader should see them, and excerpts in a search from disk."""

import ast
import base64
import hashlib
import json
import re
from pathlib import Path

import nbformat
from docutils import nodes

OF_PAPERMILL = {"injected-parameters", "papermill-error-cell-tag"}
PRIVATE = ("workspace", "data_root")  # folders of the machine that the book ran on
LONG = 12  # printed lines from which on an output scrolls
WARNING = re.compile(r"^[^\n]+\.py:\d+: (\w+: [^\n]*\n?)(?:  [^\n]*\n?)?", re.MULTILINE)  # as `warnings` prints one
MAIN = re.compile(r'<article role="main".*?</article>', re.DOTALL)
EMBEDDED = re.compile(r'"data:[^"]*"|<style.*?</style>', re.DOTALL)
alternatives: dict[str, str] = {}  # name of a picture's file → its text for those who cannot see it


def read(text: str) -> nbformat.NotebookNode:
    """The notebook with the parameters of this run, folded solutions and no trace of papermill or this machine."""
    notebook = nbformat.reads(text, as_version=4)
    injected = [cell.source for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    notebook.cells = [cell for cell in notebook.cells if not OF_PAPERMILL & set(cell.metadata.get("tags", []))]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if "parameters" in cell.metadata.get("tags", []):
                values = _assignments("\n".join([cell.source, *injected]))
                cell.source = "\n".join(line for name, line in values.items() if name not in PRIVATE)
            _prepare(cell)
    return notebook


def _prepare(cell: nbformat.NotebookNode) -> None:
    tags, settings = set(cell.metadata.get("tags", [])), {}
    if "solution" in tags:
        tags.add("hide-cell")
        title, _, cell.source = cell.source.partition("\n")
        settings["code_prompt_show"] = settings["code_prompt_hide"] = title.strip("# .")
    for output in cell.outputs:
        if output.get("name") == "stderr":
            output.text = WARNING.sub(r"\1", output.text)
        if alternative := output.get("metadata", {}).get("image/png", {}).get("alt"):
            picture = base64.b64decode(output.data["image/png"])
            alternatives[hashlib.sha256(picture).hexdigest()] = alternative  # as myst-nb names the file
    if cell.outputs and all(output.get("text", "").count("\n") > LONG for output in cell.outputs):
        tags.add("scroll-output")
    cell.metadata |= {"tags": sorted(tags), "mystnb": settings}


def _assignments(source: str) -> dict[str, str]:
    """Name → its last `name = value`, without comments."""
    return {line.targets[0].id: ast.unparse(line) for line in ast.parse(source).body if isinstance(line, ast.Assign)}


def _mend(app, doctree: nodes.document) -> None:
    for picture in doctree.findall(nodes.image):
        picture["alt"] = alternatives.get(Path(picture["uri"]).stem, "Figure made by the code above")
    for equation in doctree.findall(nodes.math_block):
        if r"\tag" in (latex := equation.astext()):  # Sphinx would wrap several lines in `split`, where \tag fails
            equation.children = [nodes.Text(rf"\[{latex}\]")]
            equation["no-wrap"] = True


def _excerpts(app, exception: Exception | None) -> None:
    """Give the search page what it would fetch for its excerpts: a page opened from disk may only run scripts."""
    if exception is None and app.builder.format == "html":
        pages = {path.name: MAIN.search(path.read_text("utf-8")) for path in Path(app.outdir).glob("*.html")}
        texts = {name: EMBEDDED.sub("", found[0]) for name, found in pages.items() if found}
        script = f"const TEXTS = {json.dumps(texts)}; fetch = async (url) => ({{text: () => TEXTS[url.slice(2)]}});"
        Path(app.outdir, "_static", "excerpts.js").write_text(script, "utf-8")


def _load_excerpts(app, page: str, *_: object) -> None:
    if page == "search":
        app.add_js_file("excerpts.js")


def setup(app) -> dict[str, bool]:
    app.connect("doctree-read", _mend)
    app.connect("html-page-context", _load_excerpts)
    app.connect("build-finished", _excerpts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
