"""Options and parameters with one thing wrong: refused before anything runs, in one line; see `kinds.yaml`."""

from functools import partial

import pytest
from hypothesis import strategies as st

from vireid_lib import cli
from vireid_lib.experiment import runner

ENTERS = "command line"
PARAMETER = "book --profile smoke --workspace w -p {}"


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """What would be run is an error of the test."""

    def ran(*_):
        raise AssertionError("a chapter runs")

    monkeypatch.setattr(runner, "_run_chapter", ran)
    for name in ("VIREID_TRACKERS", "VIREID_ENGINE", "VIREID_RAY_ADDRESS", "VIREID_KEEP_RESULTS"):
        monkeypatch.setenv(name, "")  # the command sets them


def test_kind(row, tried):
    tried(row, globals().get(row["id"]) or partial(_listed, row))


def _listed(row, draw, folder):
    """One of the row's inputs, to its command or as a parameter."""
    (folder / "file").write_bytes(b"")
    given = draw(st.sampled_from(row["inputs"])).replace("LONG", "x" * 300)
    command = draw(st.sampled_from(row.get("command", [PARAMETER])))
    names = row.get("names", ["{}"] if "command" in row else ["-p " + given.split("=")[0]])
    return _refused(command, given, *(name.replace("{}", given) for name in names))


def _refused(command, given, *names):
    """The error itself, of a class whose message the command prints as it is."""

    def act():
        try:
            return cli.main([*(given if part == "{}" else part for part in command.split()), "--debug"])
        except Exception as error:
            assert isinstance(error, cli.NAMED_ERRORS), f"taken for a mistake of ours: {error!r}"
            raise

    return act, list(names)


def parameter_is_huge(draw, folder):
    number = draw(st.sampled_from([str(10**30), "9" * 5000, "0x" + "f" * 40, f"[1{'0' * 400}]", "[" * 3000]))
    return _refused(PARAMETER, f"people={number}", "-p people")
