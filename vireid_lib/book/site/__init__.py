"""The site: the executed chapters, studies and the library's own pages as static HTML that works from disk."""

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from PIL import Image

from vireid_lib import places
from vireid_lib.book import page
from vireid_lib.book.page.export import GLOSSARY, webp
from vireid_lib.book.site import library, search
from vireid_lib.book.site.links import LinkingExporter
from vireid_lib.experiment.notebooks import Chapter, find_chapters, find_study
from vireid_lib.experiment.profile import Profile
from vireid_lib.project import project_root

HERE = Path(__file__).parent
CARD = 720  # pixels, the width of a card's picture


class NothingToPublish(FileNotFoundError):
    """The workspace holds no executed chapter."""


@dataclass(frozen=True)
class SitePage:
    """A page of the site and what others say of it.

    Attributes:
        shown: the chapter, study or glossary.
        kind: "Chapter", "Study" or "Appendix".
        question: the first paragraph of a chapter, for its card.
        picture: a figure of it as a data URI, or "".
    """

    shown: page.PageChapter
    kind: str
    question: str = ""
    picture: str = ""

    @property
    def url(self) -> str:
        """Its file."""
        return f"{self.shown.name}.html"


def publish(workspace: Path, profile: Profile, folder: Path) -> Path:
    """Write the site of a workspace's executed notebooks; an earlier site in `folder` is replaced when the new one is
    complete.

    Args:
        workspace: of the book, after `vireid book`; studies that ran there get pages as well.
        folder: of the site.

    Returns:
        its first page.

    Raises:
        NothingToPublish: no chapter has run there.
        FileExistsError: `folder` holds something that is no site.
    """
    root, notebooks = project_root() / "notebooks", workspace / "notebooks"
    if folder.exists() and any(folder.iterdir()) and not (folder / search.INDEX).exists():
        raise FileExistsError(f"{folder} is not empty and holds no earlier site: name another folder with --out.")
    chapters = find_chapters(root)
    studies = [find_study(root / "studies", path.stem) for path in sorted((root / "studies").glob("*.py"))]
    studies = [study for study in studies if (notebooks / f"{study.name}.ipynb").exists()]
    if not any((notebooks / f"{chapter.name}.ipynb").exists() for chapter in chapters):
        raise NothingToPublish(
            f"{workspace} holds no executed chapter: run `vireid book --profile {profile.name}` "
            "(and name the same --workspace) first."
        )
    used = library.Used()
    pages = [_page(chapter, "Chapter", notebooks, used) for chapter in chapters]
    pages += [_page(study, "Study", notebooks, used) for study in studies]
    pages += [SitePage(shown, "Appendix") for shown in page.glossary(root / f"{GLOSSARY}.md")]

    places.made(folder.parent)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "assets").mkdir(parents=True)
    library.write(partial / library.FOLDER, used)
    _write_assets(
        partial,
        [
            *search.chapters(chapters + studies, notebooks),
            *search.glossary(root / f"{GLOSSARY}.md"),
            *search.library(library.modules()),
        ],
    )
    _write_pages(partial, pages, workspace, profile)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return folder / "index.html"


def _page(chapter: Chapter, kind: str, notebooks: Path, used: library.Used) -> SitePage:
    path = notebooks / f"{chapter.name}.ipynb"
    if not path.exists():
        return SitePage(page.page_chapter(chapter, notebooks), kind)
    notebook = nbformat.read(path, as_version=4)
    exporter = LinkingExporter(chapter.name, glossary=f"{GLOSSARY}.html")
    shown = page.page_chapter(chapter, notebooks, exporter)
    used.note(exporter.modules, shown.title, f"{chapter.name}.html")
    return SitePage(shown, kind, _question(notebook), _picture(notebook))


def _question(notebook: nbformat.NotebookNode) -> str:
    """The first paragraph below the title, as plain text."""
    lines = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", lines))
    first = next((part for part in paragraphs if part and not part.startswith(("#", "|", "-", "<", "$$"))), "")
    return search.plain(first).removeprefix("The question. ")


def _picture(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first figure, small."""
    found = (
        output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    )
    encoded = next(found, None)
    if encoded is None:
        return ""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    picture.thumbnail((CARD, CARD))
    return f"data:image/webp;base64,{base64.b64encode(webp(picture, quality=88)).decode()}"


def _write_assets(folder: Path, entries: Sequence[search.Entry]) -> None:
    sources = page.ASSETS, HERE
    for kind, names in (("css", ("style.css", "site.css")), ("js", ("script.js", "site.js"))):
        parts = [source / name for source, name in zip(sources, names, strict=True)]
        text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
        (folder / "assets" / f"site.{kind}").write_text(text, encoding="utf-8")
    search.write(entries, folder / search.INDEX)


def _write_pages(folder: Path, pages: Sequence[SitePage], workspace: Path, profile: Profile) -> None:
    path = workspace / "book.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    facts = page.facts(record, profile) if record else {}
    shared = {
        "pages": pages,
        "profile": profile,
        "facts": facts,
        "library": f"{library.FOLDER}/{library.FIRST}",
        "index": search.INDEX,
    }
    table = page.main_table(workspace, record, profile)
    template = page.template(HERE / "page.html.j2")
    front = template.render(current=None, before=None, after=None, title=page.QUESTION, main_table=table, **shared)
    (folder / "index.html").write_text(front, encoding="utf-8")
    for place, one in enumerate(pages):
        before = pages[place - 1] if place else None
        after = pages[place + 1] if place + 1 < len(pages) else None
        text = template.render(current=one, before=before, after=after, title=one.shown.title, main_table="", **shared)
        (folder / one.url).write_text(text, encoding="utf-8")
