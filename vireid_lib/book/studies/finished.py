"""Which of a study's trainings are done, without doing any: to look at a study while it is still being trained."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from vireid_lib.book import stages
from vireid_lib.book.book import Book
from vireid_lib.book.records import StageRecord
from vireid_lib.book.studies.study import Row, book_of
from vireid_lib.book.workspace import Workspace


class _NotMade(Exception):
    pass


class _Finished(Workspace):
    """A workspace in which nothing is made, and nothing waited for that another process is making."""

    def _lock(self, folder: Path) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()

    def _make(self, *_: object) -> None:
        raise _NotMade


def finished(book: Book, rows: Sequence[Row]) -> dict[tuple[str, int], StageRecord]:
    """The trainings that are done, by row's name and seed; nothing is trained, fitted or drawn."""
    found = {}
    for row in rows:
        own = book_of(book, row)
        for seed in book.profile.reid.seeds:
            if record := done(own, row.training, seed):
                found[row.name, seed] = record
    return found


def done(book: Book, training: str, seed: int) -> StageRecord | None:
    """One training if it is done, else None; nothing is trained, fitted or drawn."""
    own = Book(book.profile, book.workspace.folder, book.data_root or "")
    own.workspace = _Finished(book.workspace.folder, device=book.device)
    try:
        return stages.reid(own, training, seed, progress=False)
    except _NotMade:
        return None
