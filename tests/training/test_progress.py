"""Progress: what a terminal, a log and a notebook show of the work, and of values beside it."""

import sys
import types

import pytest

from vireid_lib.training.progress import Progress, duration


def test_a_log_has_a_line_at_the_start_and_one_at_the_end(capsys: pytest.CaptureFixture) -> None:
    with Progress(4, "AGW", unit="images") as line:
        for done in range(1, 5):
            line.update(done, {"loss": 0.25})
    first, last = capsys.readouterr().out.splitlines()  # none within the first seconds
    assert first.startswith("AGW: 0/4 images") and last.startswith("AGW: 4/4 images (100 %)") and "loss=0.25" in last


def test_an_exception_leaves_where_it_stopped(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(KeyError), Progress(4, "AGW", start=1) as line:
        line.update(2)
        raise KeyError
    assert capsys.readouterr().out.splitlines()[-1].startswith("AGW: 2/4 steps (50 %)")


def test_nothing_is_shown_on_request(capsys: pytest.CaptureFixture) -> None:
    with Progress(1, "AGW", shown=False) as line:
        line.update(1, {"loss": 1.0})
    assert capsys.readouterr().out == ""


def test_a_terminal_rewrites_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with Progress(2, "AGW") as line:
        line.update(2)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "\rAGW: " in printed and "2/2" in printed


def test_a_notebook_updates_one_plain_text_output(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    shown: list[str] = []
    handle = types.SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))

    def display(content: dict, raw: bool, display_id: bool) -> types.SimpleNamespace:
        shown.append(content["text/plain"])
        return handle

    shell = type("ZMQInteractiveShell", (), {})()
    fake = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    with Progress(2, "AGW") as line:
        line.update(2)
    assert shown[0].startswith("AGW: 0/2 steps") and shown[-1].startswith("AGW: 2/2 steps (100 %)")
    assert capsys.readouterr().out == ""


def test_duration() -> None:
    assert [duration(s) for s in (0.4, 75, 4000)] == ["0:00", "1:15", "1:06:40"]
