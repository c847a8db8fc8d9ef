"""The site: what has run in a workspace, as static pages that Sphinx makes and that work from disk."""

import base64
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import jinja2
import nbformat

from vireid_lib import __version__, places
from vireid_lib.book import locks, results
from vireid_lib.book.chapters import read_notebook, title_of
from vireid_lib.book.profiles import Profile
from vireid_lib.book.records import minute
from vireid_lib.book.result_tables import main_table_html
from vireid_lib.book.workspace import KEPT
from vireid_lib.project import project_root
from vireid_lib.training.progress import duration

QUESTION = "How much does synthetic infrared data help, and why?"
OLDER = "with results of older code †"
NOTICES = {
    "not run": "This notebook has not run yet: `{command}`",
    "failed": "This notebook did not run to its end; what follows is as far as it came.",
    "older": "Some results on this page were made by older code (`--keep-results`). Each is named where it is taken; "
    "tables mark them with †.",
}


class SiteError(OSError):
    """The site could not be made; the message says why."""


@dataclass(frozen=True)
class Page:
    """A chapter or study on the front page.

    Attributes:
        name, title: of the notebook.
        status: "done", "failed", "not run", or "older" if it ran with results of older code (`--keep-results`).
        words: the status and how long it ran.
        question: its first paragraph.
        picture: file of its first picture, or "".
    """

    name: str
    title: str
    status: str
    words: str
    question: str
    picture: str


def publish(workspace: Path, profile: Profile, folder: Path, *, notebooks: Path | None = None, library: bool = True):
    """Make the site of what has run; an earlier one in `folder` is replaced when the new one is complete.

    Args:
        workspace: of the book and its studies.
        folder: of the site.
        notebooks: folder of the chapters, and of `studies/`; None means the book's own.
        library: with pages of the library, to which code links; they take most of the time.

    Returns:
        the front page, or None if nothing has run.

    Raises:
        SiteError: `folder` holds something else, or Sphinx failed.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "searchindex.js").exists():
        raise SiteError(f"{folder} is not empty and holds no earlier site: name another folder with --out.")
    notebooks = notebooks or project_root() / "notebooks"
    chapters, studies = sorted(notebooks.glob("[0-9]*.py")), sorted((notebooks / "studies").glob("*.py"))
    ran = [path for path in studies if (workspace / "notebooks" / f"{path.stem}.ipynb").exists()]
    if not ran and not any((workspace / "notebooks" / f"{path.stem}.ipynb").exists() for path in chapters):
        return None
    partial = places.made(folder.parent) / f".{folder.name}.partial"
    waiting = f"Another process is making {folder}; waiting for it."
    with locks.held(partial.with_suffix(".lock"), waiting=waiting), tempfile.TemporaryDirectory() as temporary:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        source = Path(temporary)
        record = _read_json(workspace / "book.json")
        groups = {
            "Chapters": [_lay(path, workspace, source, partial, f"vireid book --only {path.stem}") for path in chapters],
            "Studies": [_lay(path, workspace, source, partial, f"vireid study {path.stem}") for path in ran],
        }
        shutil.copy(project_root() / "notebooks" / "glossary.md", source)
        template = project_root() / "notebooks" / "site" / "index.md.j2"
        text = jinja2.Template(template.read_text("utf-8"), autoescape=True, trim_blocks=True, lstrip_blocks=True).render(
            question=QUESTION,
            profile=profile,
            failure=record.get("failure", ""),
            main_table=_main_table(workspace, record, profile),
            facts=_facts(record, profile) if record else {},
            groups=groups,
            unrun=[path.stem for path in studies if path not in ran],
            library=library,
        )
        (source / "index.md").write_text(text, "utf-8")
        _sphinx(source, partial, ["-t", "library"] if library else [])
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    return folder / "index.html"


def _lay(script: Path, workspace: Path, source: Path, site: Path, command: str) -> Page:
    """Lay an executed notebook among Sphinx's sources, with a notice of its status, or a page that says it has not run."""
    name, path = script.stem, workspace / "notebooks" / f"{script.stem}.ipynb"
    record = _read_json(path.with_suffix(".json"))
    ran = path.exists()
    notebook = nbformat.read(path, as_version=4) if ran else read_notebook(script)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    status = "not run" if not ran else "failed" if not record else "older" if any(KEPT in o for o in outputs) else "done"
    took = f"ran in {duration(record['wall_seconds'])}" if record else ""
    notice = f"```{{warning}}\n{NOTICES[status].format(command=command)}\n```\n" if status in NOTICES else ""
    if failure := _read_json(workspace / f"study_{name}.json").get("failure"):
        notice += f'\n<pre class="failure">{html.escape(failure)}</pre>\n'
    if took:
        notice += f'\n<p class="ran">{took}, finished {minute(record["finished"])}</p>\n'
    title = title_of(notebook) or name
    if not ran:
        (source / f"{name}.md").write_text(f"# {title}\n\n{notice}", "utf-8")
    else:
        first = next((cell for cell in notebook.cells if cell.cell_type == "markdown" and "# " in cell.source), None)
        first.source = first.source.replace(f"# {title}", f"# {title}\n\n{notice}", 1)
        nbformat.write(notebook, source / f"{name}.ipynb")
    picture = next((output["image/png"] for output in outputs if "image/png" in output), "")
    if picture:
        (site / f"{name}.png").write_bytes(base64.b64decode(picture))
    words = {"done": took, "older": f"{took}, {OLDER}"}.get(status, status)
    return Page(name, title, status, words, _question(notebook), f"{name}.png" if picture else "")


def _question(notebook: nbformat.NotebookNode) -> str:
    """The first paragraph below the title, as plain text."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    paragraphs = (part for part in re.split(r"\n\s*\n", text) if re.match(r"[\w*]", part))
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", next(paragraphs, ""))
    return " ".join(re.sub("[*`$]", "", words).split()).removeprefix("The question. ")


def _library(source: Path, notebooks: list[nbformat.NotebookNode]) -> None:
    """Lay a page for each module of the library that the notebooks import."""


def _main_table(workspace: Path, record: dict, profile: Profile) -> str:
    return main_table_html(results.main_table(results.recorded(workspace, record.get("results", ())), profile))


def _facts(record: dict, profile: Profile) -> dict[str, str]:
    """What a reader wants to know about the run."""
    hardware, versions = record["hardware"], record["versions"]
    on_gpu = record["device"] != "cpu" and hardware["gpus"]
    machine = ", ".join(hardware["gpus"]) if on_gpu else f"{hardware['processor']}, {hardware['cores']} cores"
    return {
        "Profile": profile.name,
        "Data": profile.data.target + (f" + {profile.data.external}" if profile.data.external else ""),
        "Device": f"{record['device']} ({machine})",
        "Finished": minute(record["finished"]),
        "Versions": f"vireid {__version__}, Python {versions['python']}, torch {versions.get('torch', '–')}",
    }


def _sphinx(source: Path, site: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", *options, "-d", str(source / ".doctrees")]
    command += ["-c", str(project_root() / "notebooks" / "site"), str(source), str(site)]
    done = subprocess.run(command, capture_output=True, text=True)
    if os.environ.get("SITE_DEBUG"): print(done.stderr[-20000:])
    if done.returncode:
        raise SiteError(f"Sphinx could not make the site: {done.stderr[-2000:]}")


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}
