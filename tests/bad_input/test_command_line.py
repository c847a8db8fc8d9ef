"""Options and parameters with one thing wrong: refused before anything runs, in one line; see `kinds.yaml`."""

from functools import cache, partial

import pytest
from hypothesis import strategies as st

from vireid_lib import cli
from vireid_lib.experiment import chapters, runner

ENTERS = "command line"
PARAMETER = "book --profile smoke --workspace w -p {}"
READ = cache(chapters._read_chapter)


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """What would be run is an error of the test; each chapter's file is read once for all tests."""

    def ran(*_):
        raise AssertionError("a chapter runs")

    monkeypatch.setattr(runner, "_run_chapter", ran)
    monkeypatch.setattr(chapters, "_read_chapter", READ)
    for name in ("VIREID_TRACKERS", "VIREID_ENGINE", "VIREID_RAY_ADDRESS", "VIREID_KEEP_RESULTS"):
        monkeypatch.setenv(name, "")  # the command sets them


def test_kind(row, tried):
    tried(row, partial(_listed, row))


def _listed(row, draw, folder):
    """One of the row's inputs, to its command or as a parameter; an error whose message the command prints as it is."""
    (folder / "file").write_bytes(b"")
    given = draw(st.sampled_from(row["inputs"])).replace("LONG", "x" * 300)
    command = draw(st.sampled_from(row.get("command", [PARAMETER])))
    names = row.get("names", ["{}"] if "command" in row else ["-p " + given.split("=")[0]])

    def act():
        try:
            return cli.main([*(given if part == "{}" else part for part in command.split()), "--debug"])
        except Exception as error:
            assert isinstance(error, cli.NAMED_ERRORS), f"taken for a mistake of ours: {error!r}"
            raise

    return act, [name.replace("{}", given) for name in names]
