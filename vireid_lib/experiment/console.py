"""What a book prints between its chapters: which begins, how the last one ended, and the time left."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from vireid_lib.training.progress import duration


class Terminal:
    """Says when the chapters, in this order, start and end; `minutes` are those expected of each, as far as known."""

    def __init__(self, chapters: Sequence[str], minutes: Mapping[str, float], out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._chapters = list(chapters)
        self._expected = {name: 60 * minutes[name] for name in chapters if name in minutes}
        self._spent: dict[str, float] = {}
        self._began = time.monotonic()

    def start(self, name: str) -> None:
        self._began = time.monotonic()
        self.say(f"{self._head(name)}starts{self._left(name)}")

    def finish(self, name: str, outcome: str) -> None:
        """The chapter ended; `outcome` is "done" or "failed"."""
        self._spent[name] = time.monotonic() - self._began
        self.say(f"{self._head(name)}{outcome} in {duration(self._spent[name])}")

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def _head(self, name: str) -> str:
        number, width = self._chapters.index(name) + 1, max(map(len, self._chapters))
        return f"{number:2d}/{len(self._chapters)}  {name:{width}s}  "

    def _left(self, name: str) -> str:
        """The book's remaining time, if every chapter still to come has an expected time. It is scaled by how this
        machine did on the chapters already run, which count against a prior of half the book."""
        coming = self._chapters[self._chapters.index(name) :]
        if not set(coming) <= set(self._expected):
            return ""
        known, prior = self._spent.keys() & self._expected.keys(), sum(self._expected.values()) / 2
        pace = (prior + sum(map(self._spent.get, known))) / (prior + sum(map(self._expected.get, known)))
        return f", about {duration(pace * sum(map(self._expected.get, coming)))} left for the book"
