"""What is finished already, by key, without making anything: tables show results and never make any."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from vireid_lib.experiment.cache import Workspace
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.run import Book

T = TypeVar("T")


class NotMade(Exception):
    """A stage that is asked for has not been made."""


class Finished(Workspace):
    """A workspace in which nothing is made, and nothing waited for that another process is making.

    Attributes:
        older: whether any stage that it was asked for is of older code.
    """

    def __init__(self, of: Workspace) -> None:
        super().__init__(of.folder, device=of.device, keep=of.keep)
        self._older, self.older = of._older, False

    def _finished(self, name: str, key: str, made_of: Sequence[str]) -> StageRecord | None:
        record = super()._finished(name, key, made_of)
        self.older |= record is not None and record.older
        return record

    def _lock(self, folder: Path) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()

    def _make(self, *_: object) -> None:
        raise NotMade


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """A value, and whether older code made a stage that it comes from (`--keep-results`)."""

    value: T
    older: bool


def fetched(book: Book, ask: Callable[[Book], T]) -> Fetched[T] | None:
    """What `ask(book)` returns where all the stages that it asks for are finished, else None.

    They are found by the keys that the book's settings and today's code give, so that results of other settings are not
    among them.

    Args:
        ask: gets the book with a workspace that makes nothing, e.g. `lambda own: stages.reid(own, "real", 0)`.
    """
    own = book.with_profile(book.profile)
    own.workspace = Finished(book.workspace)
    try:
        return Fetched(ask(own), own.workspace.older)
    except NotMade:
        return None
