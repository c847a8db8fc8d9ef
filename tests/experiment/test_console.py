"""What a running book shows: in a terminal one line kept up to date, in a log a line now and then."""

import io

import pytest

from vireid_lib.experiment import console as terminal
from vireid_lib.experiment.console import Terminal


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time that a test moves by hand."""
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_few_lines(clock):
    out = io.StringIO()
    show = Terminal(["01_a", "02_b"], {"01_a": 1, "02_b": 2}, out)
    show.start("01_a")
    show.event({"event": "cell", "index": 2, "cells": 9})
    for _ in range(100):
        clock[0] += 0.45
        show.refresh()
    show.finish("done")
    assert out.getvalue().splitlines() == [
        " 1/2  01_a  starts, about 3:00 left for the book",
        " 1/2  01_a  cell 3/9, 0:30 so far, about 2:30 left for the book",
        " 1/2  01_a  done in 0:45",
    ]


def test_a_screen_keeps_one_line_up_to_date(clock):
    out = Screen()
    show = Terminal(["01_a"], {"01_a": 1}, out)
    show.start("01_a")
    show.event({"event": "cell", "index": 0, "cells": 9})
    show.event({"event": "line", "text": "AGW: 3/9 steps, 0:20 left"})
    clock[0] += 20
    show.refresh()
    last = out.getvalue().split("\r\x1b[2K")[-1]
    assert "\n" not in out.getvalue()
    assert last.startswith(" 1/1  01_a  cell 1/9, 0:20 so far, about 0:40 left for the book")
