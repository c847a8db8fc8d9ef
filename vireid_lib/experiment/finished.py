"""What is finished in a cache: found without making, or waiting for, anything."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.provenance import StageRecord


class NotMade(Exception):
    """A stage that is asked for has not been made."""


class Finished(Cache):
    """A cache in which nothing is made, and nothing waited for that another process is making. `older` says whether any
    stage that it was asked for is of older code."""

    def __init__(self, of: Cache) -> None:
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


class Fetched(NamedTuple):
    """A value, and whether older code made a stage that it comes from (`--keep-results`)."""

    value: Any
    older: bool
