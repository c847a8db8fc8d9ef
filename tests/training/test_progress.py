"""Progress: what is left on each kind of screen."""

import sys
import types

import pytest

from vireid_lib.training.progress import Progress, duration


def test_log_ends_with_a_summary(capsys: pytest.CaptureFixture) -> None:
    with Progress(4, "AGW") as line:
        for done in range(1, 5):
            line.update(done, {"loss": 0.25})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "AGW: 0/4 steps"
    assert printed[-1].startswith("AGW: 4 steps in 0:00 (") and printed[-1].endswith("loss 0.25")
    assert len(printed) == 2  # no line within the first seconds


def test_line_says_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    line = Progress(100, "x", start=20, shown=False)
    now = 110.0
    line.update(30)
    assert line.line() == "x: 30/100 steps (30 %), 1:10 left"


def test_exception_says_where(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(KeyError), Progress(4, "AGW", start=1) as line:
        line.update(2)
        raise KeyError
    assert capsys.readouterr().out.endswith("AGW: stopped after 2 of 4 steps\n")


def test_silent(capsys: pytest.CaptureFixture) -> None:
    with Progress(1, "AGW", shown=False) as line:
        line.update(1)
    assert capsys.readouterr().out == ""


def test_terminal_rewrites_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with Progress(2, "AGW") as line:
        line.update(2)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and printed.startswith("\r\x1b[2KAGW: 0/2")


def test_notebook_updates_one_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, content: dict, raw: bool) -> None:
            shown.append(content["text/plain"])

    def display(content: dict, raw: bool, display_id: bool) -> Handle:
        shown.append(content["text/plain"])
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    fake = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    with Progress(2, "AGW") as line:
        line.update(2)
    assert shown[0] == "AGW: 0/2 steps" and shown[-1].startswith("AGW: 2 steps in")
    assert capsys.readouterr().out == ""


def test_duration() -> None:
    assert [duration(s) for s in (0.4, 75, 4000)] == ["0:00", "1:15", "1:06:40"]
