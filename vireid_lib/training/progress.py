"""Progress of long work by tqdm: a bar in a terminal, one line of text in a notebook, lines now and then in a log."""

import io
import sys
from collections.abc import Mapping

from tqdm import tqdm

PLAIN = "{desc}: {n_fmt}/{total_fmt}{unit} ({percentage:.0f} %) [{elapsed}<{remaining},{rate_noinv_fmt}{postfix}]"


class Progress:
    """A context manager around `total` steps, of which an earlier run has done `start`; `update` says how far the work
    is."""

    quiet = False
    """Whether this process shows none at all."""

    def __init__(self, total: int, label: str, *, start: int = 0, shown: bool = True, unit: str = "steps") -> None:
        kind, options = _surface()
        options |= {"total": total, "initial": start, "desc": label, "unit": f" {unit}"}
        self._bar = kind(**options, disable=self.quiet or not shown)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """`done` steps are complete; `values` (losses, say) are shown with them."""
        if values:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
        self._bar.update(done - self._bar.n)


class Lines(io.StringIO):
    """Prints what a bar writes as lines of their own."""

    def write(self, text: str) -> int:
        if text.strip():
            print(text.strip("\r\n").rstrip(), flush=True)
        return len(text)


class _Notebook(tqdm):
    """Updates one plain-text output; the state of tqdm's widget would be lost in a saved notebook."""

    handle = None

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        content = {"text/plain": str(self) if msg is None else msg}
        if self.handle is None:
            self.handle = sys.modules["IPython"].display.display(content, raw=True, display_id=True)
        else:
            self.handle.update(content, raw=True)


def _surface() -> tuple[type[tqdm], dict]:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        return _Notebook, {"file": io.StringIO(), "mininterval": 0.5, "bar_format": PLAIN}
    if sys.stdout.isatty():
        return tqdm, {"file": sys.stdout, "dynamic_ncols": True}
    return tqdm, {"file": Lines(), "mininterval": 10.0, "bar_format": PLAIN}
