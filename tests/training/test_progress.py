"""Progress: what a terminal, a log and a notebook show of the work, and of values beside it."""

import pytest

from vireid_lib.training.progress import Progress


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
