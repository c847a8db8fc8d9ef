"""The page: all executed chapters in one HTML file that needs no network, with the main results on top."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import nbformat

from vireid_lib import __version__
from vireid_lib.book.page.export import GLOSSARY, ChapterExporter, Heading, prepared, without_number
from vireid_lib.experiment import results
from vireid_lib.experiment.cache import KEPT
from vireid_lib.experiment.notebooks import Chapter, title_of
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import minute
from vireid_lib.training.progress import duration

ASSETS = Path(__file__).parent
QUESTION = "How much does synthetic infrared data help, and why?"


@dataclass(frozen=True)
class PageChapter:
    """A chapter on the page.

    Attributes:
        name, number, title: of the chapter; the number is "" for a study and for the glossary.
        body: its HTML, empty if it has not run.
        headings: its sections, for the navigation.
        status: "done", "failed" or "not run"; "older" if it ran with results of older code (`--keep-results`).
        time: how long it ran, or "".
    """

    name: str
    number: str
    title: str
    body: str
    headings: list[Heading]
    status: str
    time: str


def make_page(
    folder: Path, chapters: Sequence[Chapter], profile: Profile, *, record: str = "book.json", name: str = "index.html"
) -> Path | None:
    """Write `index.html` into a workspace from its executed notebooks.

    Args:
        folder: the workspace.
        chapters: all chapters of the book; those that have not run are listed as such.
        profile: what the book ran on.
        record: file of the run's record.
        name: of the page. A page of studies alone has their title and leaves the book's main results out.

    Returns:
        the page, or None if no chapter has run.
    """
    shown = [page_chapter(chapter, folder / "notebooks") for chapter in chapters]
    if not any(chapter.body for chapter in shown):
        return None
    book_record = _read_json(folder / record)
    whole_book = any(chapter.number for chapter in shown)
    shown += glossary(chapters[0].path.with_name(f"{GLOSSARY}.md")) if whole_book else []
    text = template(ASSETS / "shell.html.j2").render(
        chapters=shown,
        title=QUESTION if whole_book else shown[0].title,
        main_table=main_table(folder, book_record, profile) if whole_book else "",
        facts=facts(book_record, profile),
        failure=book_record["failure"],
        profile=profile,
        style=(ASSETS / "style.css").read_text(encoding="utf-8"),
        script=(ASSETS / "script.js").read_text(encoding="utf-8"),
    )
    page = folder / name
    temporary = folder / f".{name}.partial"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, page)
    return page


def main_table(folder: Path, book_record: dict, profile: Profile) -> str:
    """The main results of the run that left `book_record` in a workspace, as HTML."""
    return results.show(results.main_table(results.recorded(folder, book_record.get("results", ())), profile)).to_html()


def template(path: Path) -> jinja2.Template:
    """A template of HTML, in which a name that nobody gave is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(path.name)


def page_chapter(chapter: Chapter, notebooks: Path, exporter: ChapterExporter | None = None) -> PageChapter:
    """A chapter as it was executed in a workspace's folder of notebooks.

    Args:
        exporter: another than the page's.
    """
    number = chapter.name.split("_")[0]
    number = number if number.isdigit() else ""
    title = without_number(chapter.title)
    record = _read_json(notebooks / f"{chapter.name}.json")
    path = notebooks / f"{chapter.name}.ipynb"
    if not path.exists():
        return PageChapter(chapter.name, number, title, "", [], "not run", "")
    exporter = exporter or ChapterExporter(chapter.name)
    notebook = nbformat.read(path, as_version=4)
    title = without_number(title_of(notebook)) or title  # that of the generator which the chapter was about
    body, _ = exporter.from_notebook_node(prepared(notebook))
    return PageChapter(
        chapter.name,
        number,
        title,
        body,
        exporter.headings,
        "failed" if not record else "older" if _has_older(notebook) else "done",
        duration(record["wall_seconds"]) if record else "",
    )


def _has_older(notebook: nbformat.NotebookNode) -> bool:
    return any(KEPT in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))


def glossary(path: Path) -> list[PageChapter]:
    """The glossary beside the chapters, if there is one."""
    if not path.exists():
        return []
    exporter = ChapterExporter(GLOSSARY)
    body = f'<div class="prose">{exporter.prose(path.read_text(encoding="utf-8"))}</div>'
    return [PageChapter(GLOSSARY, "", GLOSSARY.capitalize(), body, exporter.headings, "done", "")]


def facts(book_record: dict, profile: Profile) -> dict[str, str]:
    """What a reader wants to know about the run, in the order in which it is shown."""
    hardware = book_record["hardware"]
    machine = (
        ", ".join(hardware["gpus"])
        if book_record["device"] != "cpu" and hardware["gpus"]
        else (f"{hardware['processor']}, {hardware['cores']} cores")
    )
    packages = book_record["versions"]
    return {
        "Profile": profile.name,
        "Data": profile.data.target + (f" + {profile.data.external}" if profile.data.external else ""),
        "Device": f"{book_record['device']} ({machine})",
        "Finished": minute(book_record["finished"]),
        "Versions": f"vireid {__version__}, Python {packages['python']}, torch {packages.get('torch', '–')}",
    }


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
