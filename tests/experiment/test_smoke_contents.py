"""What the executed chapters show a reader: pictures that are none blank, no missing number, sane scores."""

import base64
import functools
import html
import io
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image

from vireid_lib.experiment.chapters import find_chapters
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.project import project_root

NAMES = {chapter.name[:2]: chapter.name for chapter in find_chapters(project_root() / "notebooks")}
PROFILE = load_profile("smoke")
LABELS = [training_label(name) for name in PROFILE.reid.training_sets]
NEVER = {
    "a missing number": r"(?<![\w-])(nan|NaN|inf|None %)(?![\w-])",
    "the name of an object": r"<(?:Figure|Axes|[a-z_]+\.[\w.]+ object|[\w.]+ at 0x)|Figure\(\d",
    "an unfinished bar": r"\b\d{1,2} ?%\)?,? .* left|\|\s*0/\d|\b0%\|",
    "a traceback": r"Traceback \(most recent",
}


@dataclass(frozen=True)
class Executed:
    """An executed chapter: its cells, everything that was printed, the cells' texts of all tables, by rows, and all
    pictures with what they say they are."""

    cells: list[NotebookNode]
    printed: str
    rows: list[list[str]]
    pictures: list[tuple[str, np.ndarray]]


def read(path: Path) -> Executed:
    cells = nbformat.read(path, as_version=4).cells
    lines, rows, pictures = [], [], []
    for output in (output for cell in cells for output in cell.get("outputs", ())):
        data = output.get("data", {})
        lines += [output.get("text", ""), data["text/plain"] if set(data) == {"text/plain"} else ""]
        for row in re.findall(r"<tr.*?</tr>", data.get("text/html", ""), re.DOTALL):
            rows.append([_text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)])
        if encoded := data.get("image/png"):
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
            pictures.append((output.metadata.get("image/png", {}).get("alt", ""), pixels))
    return Executed(cells, "\n".join(lines), rows, pictures)


def _text(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


@pytest.fixture(scope="session")
def chapter(smoke_book):
    """Opens an executed chapter by its number."""
    workspace, _ = smoke_book
    return functools.cache(lambda place: read(workspace / "notebooks" / f"{NAMES[place]}.ipynb"))


each_chapter = pytest.mark.parametrize("place", NAMES)


@each_chapter
def test_no_picture_is_blank_and_each_says_what_it_is(chapter, place):
    assert chapter(place).pictures
    for alt, pixels in chapter(place).pictures:
        height, width, _ = pixels.shape
        assert height >= 100 and width >= 200 and len(alt) > 3, alt
        ink = (np.abs(pixels.astype(int) - pixels[0, 0]).max(-1) > 16).mean()
        assert pixels.std() > 8 and ink > 0.01, f"{alt} is blank"


@each_chapter
def test_every_cell_ran_and_shows_nothing_that_no_reader_should_see(chapter, place):
    """Nor nothing but a widget: whoever reads a saved chapter has no kernel."""
    run = chapter(place)
    for what, pattern in NEVER.items():
        for text in (run.printed, *(" | ".join(row) for row in run.rows)):
            found = re.search(pattern, text)
            assert not found, f"{what}: …{text[max(0, found.start() - 80) : found.end() + 80]}…"
    code = [cell for cell in run.cells if cell.cell_type == "code" and cell.source.strip()]
    assert code and all(cell.execution_count for cell in code)
    for cell in code:
        assert "error" not in {output.output_type for output in cell.outputs}, cell.source
        kinds = [set(output.get("data", {})) for output in cell.outputs]
        if any("widget" in kind for each in kinds for kind in each) or re.search(r"\bexplore\(", cell.source):
            lasting = [each for each in kinds if each & {"image/png", "text/html"} and "widget" not in "".join(each)]
            assert lasting, cell.source


def test_the_scores_of_every_training_set_are_shown_and_gathered(chapter):
    shown = " | ".join(text for row in chapter("04").rows for text in row)
    for name in LABELS:
        rows = [row[row.index(name) :] for row in chapter("07").rows if name in row]
        scores = [row[1] for row in rows if len(row) == 5 and "±" in row[1]]  # name, three scores, seeds
        assert scores and all(re.fullmatch(r"[\d.]+ ± [\d.]+", each) and each in shown for each in scores), name
