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
        own.workspace = _Finished(book.workspace.folder, device=book.device)
        for seed in book.profile.reid.seeds:
            try:
                found[row.name, seed] = stages.reid(own, row.training, seed, progress=False)
            except _NotMade:
                continue
    return found
