"""Progress of long work, readable in a terminal, in JupyterLab, in a log and in a saved notebook."""

import sys
import time
from collections.abc import Mapping


def duration(seconds: int | float) -> str:
    """`75` → "1:15", `4000` → "1:06:40"."""
    minutes, second = divmod(int(round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


class Progress:
    """One line that is kept up to date and ends as a summary.

    In a terminal the line is rewritten in place; in a notebook one output is updated in place, so that the
    saved notebook holds the summary only; anywhere else a new line appears every ten seconds.
    Use as a context manager: leaving it by an exception says where the work stopped.

    Args:
        total: number of steps.
        label: what is being done, e.g. "AGW, seed 0".
        start: steps already done by an earlier run.
        shown: False prints nothing.
        unit: what a step is called.
    """

    def __init__(self, total: int, label: str, *, start: int = 0, shown: bool = True, unit: str = "steps") -> None:
        self.total, self.label, self.start, self.done, self.unit = total, label, start, start, unit
        self._values: dict[str, float] = {}
        self._began = self._printed = time.monotonic()
        self._show = _surface() if shown else None

    def __enter__(self) -> "Progress":
        if self._show and self.start < self.total:
            self._show(f"{self.label}: {self.done}/{self.total} {self.unit}", False)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(stopped=kind is not None)

    def update(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """`done` steps are complete; `values` (losses, say) are shown beside them."""
        self.done = done
        if values:
            self._values = dict(values)
        if self._show and time.monotonic() - self._printed >= self._show.interval:
            self._printed = time.monotonic()
            self._show(self.line(), False)

    def line(self) -> str:
        """The line while the work goes on, with the time left at the average speed so far."""
        elapsed = max(time.monotonic() - self._began, 1e-9)
        speed = (self.done - self.start) / elapsed
        left = f"{duration((self.total - self.done) / speed)} left" if speed else "time left unknown"
        share = 100 * self.done // max(self.total, 1)
        return f"{self.label}: {self.done}/{self.total} {self.unit} ({share} %), {left}{self._shown_values()}"

    def close(self, *, stopped: bool = False) -> None:
        """Leave the summary line."""
        if not self._show:
            return
        elapsed = max(time.monotonic() - self._began, 1e-9)
        new = self.done - self.start
        if stopped:
            text = f"{self.label}: stopped after {self.done} of {self.total} {self.unit}"
        elif not new:
            text = f"{self.label}: all {self.total} {self.unit} were already done"
        else:
            text = f"{self.label}: {self.done} {self.unit} in {duration(elapsed)} "
            text += f"({new / elapsed:.3g} a second)"
            text += f", continued from {self.start}" if self.start else ""
        self._show(text + self._shown_values(), True)
        self._show = None

    def _shown_values(self) -> str:
        return "".join(f", {name} {value:.4g}" for name, value in self._values.items())


class _Terminal:
    """Rewrites one line in place."""

    interval = 0.2

    def __call__(self, text: str, last: bool) -> None:
        sys.stdout.write("\r\x1b[2K" + text + ("\n" if last else ""))
        sys.stdout.flush()


class _Log:
    """Appends lines, seldom."""

    interval = 10.0

    def __call__(self, text: str, last: bool) -> None:
        print(text, flush=True)


class _Notebook:
    """Updates one plain-text output: no widget, whose state a saved notebook would lose."""

    interval = 0.5

    def __init__(self, display) -> None:
        self._display, self._handle = display, None

    def __call__(self, text: str, last: bool) -> None:
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _surface() -> _Terminal | _Log | _Notebook:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        return _Notebook(ipython.display.display)
    return _Terminal() if sys.stdout.isatty() else _Log()
