"""The site: what has run in a workspace, as static pages that Sphinx makes and that work from disk."""

import base64
import contextlib
import functools
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

import jinja2
import nbformat
from myst_parser.slugs import github_slugify
from tqdm import tqdm

from vireid_lib import user_paths
from vireid_lib.experiment import locks
from vireid_lib.experiment.cache import KEPT
from vireid_lib.experiment.chapters import read_notebook, title_of
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import minute
from vireid_lib.project import project_root

INDEX = "searchindex.js"  # Sphinx leaves it in every site
MAIN_TABLE = ("main_table.html", "main_table.md")
"""The main result in a workspace: all scores, and the differences in the first."""
NOTICES = {
    "not run": "This notebook has not run yet: `{command}`",
    "failed": "This notebook did not run to its end. It is shown as far as it came.",
    "older": "Older code made some results on this page (`--keep-results`). Each is named where it is taken; tables "
    "mark them with †.",
}
LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./|studies/)?(\w+)\.(py|md)(?:#([^)]+))?\)")  # to a notebook, or the glossary
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
IMPORT = re.compile(r"^ *from (vireid_lib[\w.]*) import ([^#\n(]+|\([^)]+\))", re.MULTILINE)


class SiteError(OSError):
    """The site cannot be made; the message says why."""


def publish(workspace: Path, profile: Profile, folder: Path, *, notebooks: Path | None = None) -> Path | None:
    """Make the site of what has run in a workspace, and replace an earlier one when it is complete. Returns the front
    page, or None if nothing has run. Raises SiteError if `folder` holds something else, or Sphinx fails.

    Args:
        profile: what to call the run if no book has run.
        notebooks: folder of the chapters and of `studies/`; None means the book's own.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / INDEX).exists():
        raise SiteError(f"{folder} is not empty and holds no earlier site: name another folder with --out.")
    own = project_root() / "notebooks"
    chapters = sorted((notebooks or own).glob("[0-9]*.py"))
    studies = sorted((notebooks or own).glob("studies/*.py"))
    ran = {path for path in chapters + studies if _executed(path, workspace).exists()}
    if not ran:
        return None
    partial = user_paths.made(folder.parent) / f".{folder.name}.partial"
    lock, waiting = partial.with_suffix(".lock"), f"Another process is making {folder}; waiting for it."
    with locks.held(lock, waiting=waiting), tempfile.TemporaryDirectory() as temporary:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        source = Path(temporary)
        lay = functools.partial(_lay, workspace=workspace, source=source, site=partial)
        groups = {
            "Chapters": [lay(path, command=f"book --only {path.stem}") for path in chapters],
            "Studies": [lay(path, command=f"study {path.stem}") for path in studies if path in ran],
        }
        _relink(source)
        _lay_library(source)
        shutil.copy(own / "glossary.md", source)
        unrun = [path.stem for path in studies if path not in ran]
        front = _front_page(own / "site" / "index.md.j2", workspace, profile, groups=groups, unrun=unrun)
        (source / "index.md").write_text(front, "utf-8")
        # In a process of its own: Sphinx imports the library and changes how warnings are shown.
        options = ["-q", "-c", own / "site", "-d", source / ".doctrees"]
        command = [sys.executable, "-m", "sphinx", *options, source, partial]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise SiteError(f"Sphinx could not make the site: {done.stderr[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    return folder / "index.html"


def _executed(script: Path, workspace: Path) -> Path:
    return workspace / "notebooks" / f"{script.stem}.ipynb"


def _lay(script: Path, workspace: Path, source: Path, site: Path, command: str) -> dict[str, str]:
    """Lay a notebook among Sphinx's sources, with its status below its title. Returns what the front page says of it:
    its status, how long it took ("01:15" or ""), its question and a picture."""
    name, path = script.stem, _executed(script, workspace)
    notebook = nbformat.read(path, as_version=4) if path.exists() else read_notebook(script)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    record, title = _read_json(path.with_suffix(".json")), title_of(notebook) or name
    older = any(KEPT in output for output in outputs)
    status = "not run" if not path.exists() else "failed" if not record else "older" if older else "done"
    took = tqdm.format_interval(record["wall_seconds"]) if record else ""
    encoded = next((output["image/png"] for output in outputs if "image/png" in output), "")
    if encoded:
        (site / f"{name}.png").write_bytes(base64.b64decode(encoded))
    page = {"name": name, "title": title, "status": status, "took": took, "question": _question(notebook)}
    page["picture"] = f"{name}.png" if encoded else ""
    head = f"# {title}\n\n"
    if status in NOTICES:
        head += f"```{{warning}}\n{NOTICES[status].format(command=f'vireid {command}')}\n```\n\n"
    if record:
        head += f'<p class="ran">ran in {took}, finished {minute(record["finished"])}</p>\n'
    elif failure := _read_json(workspace / f"study_{name}.json").get("failure"):
        head += f'<pre class="failure">{html.escape(failure)}</pre>\n'
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(rf"^# {re.escape(title)}$", "", cell.source, count=1, flags=re.MULTILINE)
    shown = notebook.cells if path.exists() else []
    notebook.cells = [nbformat.v4.new_markdown_cell(head), *shown]
    nbformat.write(notebook, source / f"{name}.ipynb")
    return page


def _relink(source: Path) -> None:
    """Turn links between notebooks, which name files and headings as JupyterLab does, into links between pages. What
    has not run has no headings yet; a study that has not run has no page, and its link becomes plain words."""
    notebooks = {path: nbformat.read(path, as_version=4) for path in source.glob("*.ipynb")}
    prose = {path: [cell for cell in book.cells if cell.cell_type == "markdown"] for path, book in notebooks.items()}
    places = {
        path.stem: {github_slugify(found) for cell in cells for found in HEADING.findall(cell.source)}
        for path, cells in prose.items()
    }

    def on_the_site(link: re.Match) -> str:
        words, name, kind, heading = link.groups(default="")
        if kind == "py" and name not in places:
            return words
        if kind == "py" and heading:
            heading = github_slugify(unquote(heading))
            heading = heading if heading in places[name] else ""
        page = f"{name}.ipynb" if kind == "py" else f"{name}.md"
        return f"[{words}]({page}{f'#{heading}' if heading else ''})"

    for path, notebook in notebooks.items():
        for cell in prose[path]:
            cell.source = LINK.sub(on_the_site, cell.source)
        nbformat.write(notebook, path)


def _question(notebook: nbformat.NotebookNode) -> str:
    """The first paragraph below the title, as plain text."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    paragraphs = (part for part in re.split(r"\n\s*\n", text) if re.match(r"[\w*]", part))
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", next(paragraphs, ""))
    return " ".join(re.sub("[*`$]", "", words).split()).removeprefix("The question. ")


def _lay_library(source: Path) -> None:
    """A page for each module that the notebooks import, which Sphinx fills with its docstrings, and a list of them."""
    cells = [cell for path in source.glob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
    modules = set()
    for package, names in IMPORT.findall("\n".join(cell.source for cell in cells if cell.cell_type == "code")):
        for name in re.findall(r"(\w+)(?: as \w+)?", names):
            place = project_root() / package.replace(".", "/") / name
            modules.add(f"{package}.{name}" if place.is_dir() or place.with_suffix(".py").exists() else package)
    (source / "library").mkdir()
    for module in modules:
        text = f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n"
        (source / "library" / f"{module}.rst").write_text(text, "utf-8")
    links = "".join(f"- [{module}](library/{module}.rst)\n" for module in sorted(modules))
    (source / "library.md").write_text(f"# Library\n\nThe modules that the notebooks import.\n\n{links}", "utf-8")


def _front_page(template: Path, workspace: Path, profile: Profile, **pages: object) -> str:
    """The front page, with the numbers that the book left."""
    record = _read_json(workspace / "book.json")
    with contextlib.suppress(ValueError):  # a record of older code
        profile = Profile.model_validate(record.get("profile", profile))  # of the book: a study may set a method
    files = (workspace / name for name in MAIN_TABLE)
    scores, differences = (file.read_text("utf-8") if file.exists() else "" for file in files)
    shown = f'<div class="table">{scores or "<p>No score has been recorded yet.</p>"}</div>'
    settings = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
    page = jinja2.Template(template.read_text("utf-8"), **settings)
    return page.render(
        profile=profile, record=record, main_table=shown, differences=differences, minute=minute, **pages
    )


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
