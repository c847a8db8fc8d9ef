"""What a running book shows in the terminal: one line per chapter, live, with the time left."""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from vireid_lib.training.progress import duration

CLEAR = "\r\x1b[2K"  # the line
LOG_SECONDS = 30.0  # where lines cannot be rewritten, a running chapter prints one this often


class Terminal:
    """Shows chapters as they run, in this order, each with its expected minutes as far as known."""

    def __init__(self, chapters: Sequence[str], minutes: Mapping[str, float], out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._chapters = list(chapters)
        self._expected = {name: 60 * minutes[name] for name in chapters if name in minutes}
        self._width = max(len(name) for name in chapters)
        self._spent: dict[str, float] = {}
        self._name, self._cell, self._line = "", "", ""
        self._began = self._printed = time.monotonic()

    def start(self, name: str) -> None:
        """A chapter begins."""
        self._name, self._cell, self._line = name, "starting", ""
        self._began = self._printed = time.monotonic()
        if self._live:
            self.refresh()
        else:
            self.say(self._head() + "starts" + self._left())

    def event(self, event: dict) -> None:
        """The chapter reached a cell or printed a line."""
        if event["event"] == "cell":
            self._cell, self._line = f"cell {event['index'] + 1}/{event['cells']}", ""
        elif event["event"] == "line":
            self._line = event["text"]

    def refresh(self) -> None:
        """Show where the chapter is; call it often."""
        now = time.monotonic()
        if not self._live and now - self._printed < LOG_SECONDS:
            return
        self._printed = now
        line = f"{self._head()}{self._cell}, {duration(now - self._began)} so far{self._left()}"
        line += f"  {self._line}" if self._line else ""
        if self._live:
            self._out.write(CLEAR + line[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
        else:
            self.say(line)

    def finish(self, outcome: str) -> None:
        """The chapter ended; `outcome` is "done" or "failed"."""
        self._spent[self._name] = time.monotonic() - self._began
        self.say(f"{self._head()}{outcome} in {duration(self._spent[self._name])}")

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._out.write(f"{CLEAR * self._live}{text}\n")
        self._out.flush()

    def _head(self) -> str:
        number = self._chapters.index(self._name) + 1
        return f"{number:2d}/{len(self._chapters)}  {self._name:{self._width}s}  "

    def _left(self) -> str:
        """The book's remaining time, if every chapter still to come has an expected time. It is scaled by how this
        machine did on the chapters already run, which count against a prior of half the book."""
        coming = self._chapters[self._chapters.index(self._name) :]
        if not set(coming) <= set(self._expected):
            return ""
        known, prior = self._spent.keys() & self._expected.keys(), sum(self._expected.values()) / 2
        pace = (prior + sum(map(self._spent.get, known))) / (prior + sum(map(self._expected.get, known)))
        now, *later = (pace * self._expected[name] for name in coming)
        left = sum(later) + max(0.0, now - (time.monotonic() - self._began))
        return f", about {duration(left)} left for the book"
