"""The command line: exit codes, one-line errors, quick help."""

import json
import subprocess
import sys

import pytest

from vireid_lib import cli
from vireid_lib.experiment import runner
from vireid_lib.experiment.runner import BookRun


def call(capsys, *arguments):
    status = cli.main(list(arguments))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_help_needs_nothing_heavy():
    code = (
        "import sys\nfrom vireid_lib import cli\ncli.build_parser().format_help()\n"
        "print([name for name in ('torch', 'pandas', 'papermill', 'matplotlib', 'nbconvert') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_the_world_is_made_and_checked(capsys, tmp_path):
    status, out, _ = call(capsys, "data", "make", "--root", str(tmp_path), "--size", "small", "--seed", "1")
    assert status == 0 and str(tmp_path / "mini_vi") in out
    status, out, _ = call(capsys, "data", "check", "mini_vi", "--root", str(tmp_path / "mini_vi"), "--json")
    assert status == 0 and json.loads(out)["usable"] is True
    status, out, _ = call(capsys, "data", "check", "mini_vi", "--root", str(tmp_path))
    assert status == 1 and "mini_vi" in out


def test_errors_are_one_line_with_a_remedy(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(capsys, "book", "--profile", "sysu", "--workspace", "unused")
    assert status == 2 and out == "" and "pass --data-root DIR" in err
    assert err.startswith("vireid: ") and err.count("\n") == 1 and list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        cli.main(["book", "--profile", "minni", "--debug"])


@pytest.mark.parametrize(("failure", "status"), [("", 0), ("Chapter 2 failed", 1)])
def test_the_books_exit_status_is_whether_every_chapter_ran(capsys, monkeypatch, tmp_path, failure, status):
    asked, page = {}, tmp_path / "site" / "index.html"

    def run_book(profile, **options):
        asked.update(options, profile=profile)
        return BookRun("| scores |\n", not failure, page, failure)

    monkeypatch.setattr(runner, "run_book", run_book)
    places = ["--profile", "smoke", "--workspace", str(tmp_path)]
    got, out, err = call(capsys, "book", *places, "--only", "04", "--only", "5", "-p", "a=1")
    assert got == status and str(page) in out and failure in err
    assert asked["profile"] == "smoke" and asked["workspace"] == str(tmp_path) and asked["site"]
    assert asked["only"] == ["04", "5"] and asked["overrides"] == ["a=1"] and "--only 5 -p a=1" in asked["command"]
