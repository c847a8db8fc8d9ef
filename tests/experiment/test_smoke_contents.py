"""What the executed chapters show a reader: the tables, sentences and pictures that belong there, with sane values."""

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

from vireid_lib.experiment.notebooks import find_chapters
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.project import project_root

NAMES = {chapter.name[:2]: chapter.name for chapter in find_chapters(project_root() / "notebooks")}
PROFILE = load_profile("smoke")
LABELS = [training_label(name) for name in PROFILE.reid.training_sets]
LEAST_PICTURES = {"01": 6, "02": 8, "03": 8, "04": 7, "05": 9, "06": 4, "07": 3, "08": 3}
NEVER = {
    "a missing number": r"(?<![\w-])(nan|NaN|inf|None %)(?![\w-])",
    "the name of an object": r"<(?:Figure|Axes|[a-z_]+\.[\w.]+ object|[\w.]+ at 0x)|Figure\(\d",
    "an unfinished bar": r"\b\d{1,2} ?%\)?,? .* left|\|\s*0/\d|\b0%\|",
    "a traceback": r"Traceback \(most recent",
}


Row = list[str]


@dataclass(frozen=True)
class Shown:
    """A picture: the cell that shows it, what it says it is, its pixels."""

    cell: int
    alt: str
    pixels: np.ndarray


class Executed:
    """An executed chapter.

    Attributes:
        cells: all of them; printed: everything that was printed, joined.
        tables: all tables, each as rows of texts, the first row with texts being the head.
        pictures: all PNG images.
    """

    def __init__(self, path: Path) -> None:
        self.cells: list[NotebookNode] = nbformat.read(path, as_version=4).cells
        self.tables: list[list[Row]] = []
        self.pictures: list[Shown] = []
        lines = []
        for place, cell in enumerate(self.cells):
            for output in cell.get("outputs", ()):
                data = output.get("data", {})
                lines += [output.get("text", "")]
                markup = data.get("text/html", "")
                self.tables += [_rows(table) for table in re.findall(r"<table.*?</table>", markup, re.DOTALL)]
                if encoded := data.get("image/png"):
                    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
                    alt = output.metadata.get("image/png", {}).get("alt", "")
                    self.pictures.append(Shown(place, alt, pixels))
                elif set(data) == {"text/plain"}:
                    lines.append(data["text/plain"])
        self.printed = "\n".join(lines)

    def table(self, *columns: str) -> dict[str, Row]:
        """The first table with these columns: the first text of each row → the row's other texts, by the columns."""
        for rows in self.tables:
            head = rows[0]
            if set(columns) <= set(head):
                width = len(head)
                body = [row for row in rows[1:] if any(row[1:])]
                places = [head.index(column) - width for column in columns]  # from the right: heads may lack the index
                return {_label(row): [row[place] for place in places] for row in body}
        raise AssertionError(f"no table with columns {columns}; there are {[rows[0] for rows in self.tables]}")

    def said(self, pattern: str) -> tuple[str, ...]:
        """The groups of the first printed text that fits; complains if none does."""
        found = re.search(pattern, self.printed)
        assert found, f"nothing printed fits {pattern!r}:\n{self.printed[-3000:]}"
        return found.groups()


def _rows(table: str) -> list[Row]:
    rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    texts = [[_text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]
    return [row for row in texts if any(row)]


def _text(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def _label(row: Row) -> str:
    """A row's name: its first text that is no running number."""
    return next(text for text in row if text and not text.isdigit())


def number(text: str) -> float:
    """The first number of a text such as "36.0 ± 3.2" or "1,280"."""
    return float(re.search(r"[-+]?\d[\d,]*(?:\.\d+)?", text.replace("−", "-"))[0].replace(",", ""))


@pytest.fixture(scope="session")
def chapter(smoke_book):
    """Opens an executed chapter by its number."""
    workspace, _ = smoke_book

    @functools.cache
    def open_chapter(place: str):
        return Executed(workspace / "notebooks" / f"{NAMES[place]}.ipynb")

    return open_chapter


def share(text: str) -> float:
    """A percentage in its range."""
    value = number(text)
    assert 0 <= value <= 100, text
    return value


each_chapter = pytest.mark.parametrize("place", NAMES)


@each_chapter
def test_no_picture_is_blank_and_each_says_what_it_is(chapter, place):
    pictures = chapter(place).pictures
    assert len(pictures) >= LEAST_PICTURES[place]
    for picture in pictures:
        height, width, _ = picture.pixels.shape
        assert height >= 100 and width >= 200, picture.alt
        ink = (np.abs(picture.pixels.astype(int) - picture.pixels[0, 0]).max(-1) > 16).mean()
        assert picture.pixels.std() > 8 and ink > 0.01, f"{picture.alt} is blank"
        assert len(picture.alt) > 3


@each_chapter
def test_a_reader_is_told_what_to_notice_after_every_picture(chapter, place):
    run = chapter(place)
    for picture in run.pictures:
        cell = run.cells[picture.cell]
        if "solution" not in cell.metadata.get("tags", []):
            words = next(each.source for each in run.cells[picture.cell :] if each.cell_type == "markdown")
            assert "**What to notice.**" in words, f"{picture.alt}: {words[:80]}"


@each_chapter
def test_nothing_is_shown_that_no_reader_should_see(chapter, place):
    run = chapter(place)
    texts = [run.printed, *(" | ".join(row) for rows in run.tables for row in rows)]
    for what, pattern in NEVER.items():
        for text in texts:
            found = re.search(pattern, text)
            assert not found, f"{what}: …{text[max(0, found.start() - 80) : found.end() + 80]}…"


@each_chapter
def test_every_solution_printed_its_answer(chapter, place):
    solutions = [cell for cell in chapter(place).cells if "solution" in cell.metadata.get("tags", [])]
    assert len(solutions) == 2
    for cell in solutions:
        assert any(re.search(r"\d", output.get("text", "")) for output in cell.outputs), cell.source[:80]


def test_chapter_1_reads_the_data_and_scores_the_example(chapter):
    run = chapter("01")
    people = run.table("people", "images")
    assert set(people) == {"train", "val", "test"} and all(number(row[0]) > 0 for row in people.values())
    assert len(run.table("test", "train", "val", "modality")) == 6  # cameras
    assert run.printed.count(" images, usable") == len(PROFILE.data.roots)
    run.said(r"CMC \[0\.0, 1\.0, 1\.0\], AP 0\.3667, INP 0\.4000")
    ours, library = run.said(r"AP ([\d.]+), INP [\d.]+; the library says AP ([\d.]+)")
    assert ours == library
    removed, gallery, right = map(int, run.said(r"The rule removes (\d+) of (\d+) gallery images; (\d+) right ones"))
    assert 0 < removed < gallery and right > 0
    assert share(run.said(r"grey thumbnails: rank-1 ([\d.]+)%")[0]) > 0


def test_chapter_2_fits_a_generator_and_leaves_the_base_model_alone(chapter):
    run = chapter("02")
    parameters = run.table("parameters", "share (%)")
    assert sum(share(row[1]) for row in parameters.values()) == pytest.approx(100, abs=0.05)
    assert all(number(row[0]) == 0 for row in run.table("changed").values())
    loss, zero = map(float, run.said(r"images, loss ([\d.]+); always answering 'no noise' would cost ([\d.]+)"))
    assert 0 < loss < zero and zero == pytest.approx(1, abs=0.1)
    psnr = run.table("PSNR (dB)")
    assert set(psnr) == {"visible", "infrared"} and all(15 < number(row[0]) < 60 for row in psnr.values())
    rises = run.table("prompt", "modality", "rise (%)")
    assert "its own [k] and [p]" in rises and len(rises) == 5  # of each kind one (visible and infrared share a name)


def test_chapter_3_judges_the_gallery_it_made(chapter):
    run = chapter("03")
    made = run.table("images", "identities", "seeds")
    for images, identities, seeds in made.values():
        assert number(images) == number(seeds) == PROFILE.expand.per_camera * number(identities)
    judged = run.table("nearest is the same person (%)")
    assert {"greyscale copies", "DiVE", "guessing"} <= set(judged)
    assert all(0 <= share(row[0]) <= 100 for row in judged.values())
    ours, library = map(float, run.said(r"d² = ([\d.]+), of which .*; the library says ([\d.]+)"))
    assert ours == pytest.approx(library, abs=2e-5) and ours > 0
    run.said(r"made again from what is recorded, (is equal to the stored one|differs .* rounded in another order)")
    share(run.said(r"([\d.]+)% of \d+ synthetic images lie nearer to a training image")[0])


def test_chapter_4_compares_every_training_set_and_says_what_follows(chapter):
    run = chapter("04")
    assert set(run.table("people", "visible", "infrared", "of these made")) == set(LABELS)
    ours, library = run.said(r"WRT ([\d.]+); the library says ([\d.]+)")
    assert ours == library
    run.said(r"(Every training had batches of \d+ images and [\d,]+ steps|The trainings differ in)")
    (overview,) = [rows for rows in run.tables if {"rank-1", "mAP", "mINP", "seeds"} <= set(rows[0])]
    scores = {row[-7]: row[-6:-2] for row in overview if len(row) >= 7}
    assert set(LABELS) <= set(scores)
    for name in LABELS:
        assert all(share(text) > 0 and "±" in text for text in scores[name]), scores[name]
    verdicts = run.table("difference", "95 % interval", "corrected p", "verdict")
    assert set(verdicts) == set(LABELS) - {"real images only"}
    plain = ("", " (better before correction)", " (worse before correction)")
    assert {row[3] for row in verdicts.values()} <= {"better", "worse", *(f"within noise{words}" for words in plain)}
    sentences = re.findall(r"against real images only: [-+][\d.]+ points .* noise", run.printed)
    assert len(sentences) == len(verdicts)


def test_chapter_5_measures_the_embedding(chapter):
    run = chapter("05")
    ours, library = run.said(r"HIMD\(V,I\) of .*: ([\d.]+); the library says ([\d.]+)")
    assert ours == library and 0 < float(ours) <= 2
    spreads = run.table("IIRS (V,V)", "HIMD (V,I)")
    assert set(spreads) == set(LABELS) and all(0 < number(text) <= 2 for row in spreads.values() for text in row)
    gained, lost, changed, balance = map(
        int, run.said(r"(\d+) queries were gained and (\d+) lost: (\d+) changed, the balance is ([-+]\d+)")
    )
    assert changed == gained + lost and balance == gained - lost
    correlations = re.findall(r"(?:right|wrong) pairs: correlation ([-+][\d.]+)", run.printed)
    assert correlations and all(-1 <= float(value) <= 1 for value in correlations)
    assert len([name for name in LABELS if re.search(rf"{re.escape(name)}\s+[\d.]+ %", run.printed)]) == len(LABELS)


def test_chapter_6_puts_the_claim_to_the_numbers(chapter):
    run = chapter("06")
    verdicts = run.table("claim", "measured", "verdict")
    assert len(verdicts) == 3
    assert {row[2] for row in verdicts.values()} <= {"supported", "contradicted", "undecided"}
    run.said(r"identity token .* The modality token is heard .* \(concentration [\d.]+ ± [\d.]+\)\.")
    (shares,) = [rows for rows in run.tables if rows[0][-1] and "×" in rows[0][-1]]
    columns = np.array([[share(text) for text in row[-3:]] for row in shares[1:] if len(row) > 3 and row[-1]])
    assert columns.shape[0] == 8 and columns.sum(0) == pytest.approx(100, abs=1)


def test_chapter_7_gathers_what_was_measured_and_claims_no_paper(chapter):
    run, four = chapter("07"), chapter("04")
    main = run.table("trained on", "rank-1", "mAP", "mINP")
    assert set(main) == set(LABELS)
    assert main["real images only"][1] in " ".join(text for rows in four.tables for row in rows for text in row)
    cell = run.said(r"n = \d+: ([\d.]+ ± [\d.]+)")[0]
    assert cell == main["real images only"][1]
    questions = run.table("question", "answer", "chapter")
    assert len(questions) >= 6 and all(len(row[1]) > 10 for row in questions.values())
    statuses = [row for rows in run.tables if "not yet run" in rows[0] for row in rows[1:]]
    assert statuses and all(row[-5:-1] == ["0"] * 4 and number(row[-1]) > 0 for row in statuses)  # a drawn world
    assert {"library", "torch", "device", "machine"} <= set(run.table("item", "value", "stages"))


def test_chapter_8_makes_every_mistake_and_measures_it(chapter):
    run = chapter("08")
    asks = run.table("asks", "rank-1", "queries that count")
    assert asks["as defined"][0] != asks["swapped"][0] and all(share(row[1]) >= 0 for row in asks.values())
    assert len(run.table("rank-1", "rank-10", "mAP")) == 4  # rules
    (ties,) = [rows for rows in run.tables if any("wrong images first (this book)" in row for row in rows)]
    ranks = [number(row[-2]) for row in ties if row[-1][:1].isdigit()]
    assert len(ranks) == 3 and ranks == sorted(ranks) and ranks[0] < ranks[-1] == 100
    leak = run.table("test people trained on (%)", "rank-1")
    assert [number(row[0]) > 0 for row in leak.values()] == [False, True]
    batches = [row for rows in run.tables if "people in a batch" in rows[0] for row in rows[1:]]
    assert len(batches) == 3 and all("±" in row[-1] and share(row[-1]) >= 0 for row in batches)
    run.said(r"refused: \d+ of \d+ query identities were trained on")
