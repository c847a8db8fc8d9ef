"""The command line: exit codes, one-line errors, quick help."""

import json
import subprocess
import sys

import pytest

from vireid_lib import cli
from vireid_lib.experiment import results
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


def test_profiles_and_data_sets_are_listed(capsys):
    status, out, _ = call(capsys, "profiles")
    assert status == 0 and [line.split()[0] for line in out.splitlines()] == ["llcm", "mini", "regdb", "smoke", "sysu"]
    status, out, _ = call(capsys, "data", "list")
    assert status == 0 and "sysu_mm01" in out and "mini_vi" in out


def test_the_world_is_made_and_checked(capsys, tmp_path):
    status, out, _ = call(capsys, "data", "make", "--root", str(tmp_path), "--size", "small", "--seed", "1")
    assert status == 0 and str(tmp_path / "mini_vi") in out
    status, out, _ = call(capsys, "data", "check", "mini_vi", "--root", str(tmp_path / "mini_vi"), "--json")
    assert status == 0 and json.loads(out)["usable"] is True
    status, out, _ = call(capsys, "data", "check", "mini_vi", "--root", str(tmp_path))
    assert status == 1 and "mini_vi" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["book", "--profile", "minni"], "did you mean mini?"),
        (["book", "--profile", "sysu", "--workspace", "unused"], "pass --data-root DIR"),
        (["data", "check", "sisu", "--root", "."], "sysu_mm01"),
        (["data", "make", "--root", "unused", "--size", "huge"], "'huge'"),
    ],
)
def test_errors_are_one_line_with_a_remedy(capsys, monkeypatch, tmp_path, arguments, expected):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(capsys, *arguments)
    assert status == 2 and out == "" and expected in err
    assert err.startswith("vireid: ") and err.count("\n") == 1 and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where(tmp_path):
    with pytest.raises(FileNotFoundError):
        cli.main(["book", "--profile", "minni", "--debug"])


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (False, 1)])
def test_the_books_exit_status_is_whether_every_chapter_ran(capsys, monkeypatch, tmp_path, ok, status):
    from vireid_lib.experiment import runner
    from vireid_lib.experiment.profile_files import load_profile

    asked = {}

    def run_book(profile, **options):
        asked.update(options, profile=profile)
        scores, failure = results.score_table([]), "" if ok else "Chapter 2 failed"
        return BookRun(load_profile("smoke"), scores, ok, tmp_path / "site" / "index.html", failure)

    monkeypatch.setattr(runner, "run_book", run_book)
    arguments = ["book", "--profile", "smoke", "--workspace", str(tmp_path), "--only", "04", "--only", "5", "-p", "a=1"]
    got, out, err = call(capsys, *arguments)
    assert got == status
    assert asked == {
        "profile": "smoke",
        "workspace": str(tmp_path),
        "data_root": "",
        "only": ["04", "5"],
        "overrides": ["a=1"],
        "site": True,
        "command": f"vireid book --profile smoke --workspace {tmp_path} --only 04 --only 5 -p a=1",
    }
    assert str(tmp_path / "site" / "index.html") in out and "No score has been recorded yet" in out
    assert ("Chapter 2 failed" in err) is not ok


@pytest.mark.parametrize(
    ("error", "status", "words"), [(KeyboardInterrupt, 130, "same command continues"), (KeyError("x"), 2, "--debug")]
)
def test_what_ends_a_book_is_told_in_a_line(capsys, monkeypatch, error, status, words):
    from vireid_lib.experiment import runner

    def broken(*_, **__):
        raise error

    monkeypatch.setattr(runner, "run_book", broken)
    got, _, err = call(capsys, "book")
    assert got == status and words in err
