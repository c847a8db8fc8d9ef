"""A full disk is called so wherever it shows itself: with the place, the room and what to do; and nothing is lost."""

import errno
import os

import chapters
import pytest
from safetensors import SafetensorError

from vireid_lib import disk
from vireid_lib.experiment import runner
from vireid_lib.experiment.chapters import find_chapters

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")


@pytest.fixture
def chapter(tmp_path):
    chapters.write(tmp_path / "chapters", "01_first", "1 + 1")
    (found,) = find_chapters(tmp_path / "chapters")
    return found


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail] . PytorchStreamWriter failed: No space left on device"),
    ],
)
def test_it_is_recognised_whoever_says_it(error, tmp_path):
    assert disk.is_full(error)
    try:
        try:
            raise error
        except Exception as inner:
            raise ValueError("could not be saved") from inner
    except ValueError as outer:
        assert disk.is_full(outer)
    told = disk.told(error, tmp_path)
    assert disk.SAID in told and str(tmp_path) in told
    assert disk.told(RuntimeError(told), tmp_path).count(disk.SAID) == 1, "nor is it said again of an outer error"


CUT = '{\n "cells": [\n  {\n   "cell_type": "m'


@pytest.mark.parametrize(
    ("notebook", "log", "little"),
    [
        (CUT, "OSError: [Errno 28] No space left on device\n", False),
        (CUT, None, True),
        (None, "OSError: [Errno 122] Disk quota exceeded\n", False),
        ("", "", True),
    ],
)
def test_a_chapter_that_a_full_disk_stopped_says_so(chapter, tmp_path, monkeypatch, notebook, log, little):
    """Whatever is left of its notebook and its log, which lie on the same disk."""
    output, logged = tmp_path / "01_first.ipynb", tmp_path / "01_first.log"
    for path, text in ((output, notebook), (logged, log)):
        if text is not None:
            path.write_text(text)
    if little:
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"total": 3_000_000, "free": 0}))
    said = runner._failure(chapter, output, logged, 1)
    assert "Chapter 01_first" in said and said.count(disk.SAID) == 1 and str(tmp_path) in said


def test_a_cell_that_meets_a_full_disk_is_shown_and_the_disk_named(tmp_path, monkeypatch):
    """Also where no record and no page can be written afterwards."""
    chapters.write(tmp_path / "chapters", "01_first", "raise OSError(28, 'No space left on device', 'a file')")

    def full(*_):
        raise FULL

    monkeypatch.setattr(runner, "write_json", full)
    options = {"workspace": tmp_path / "ws", "chapters_folder": tmp_path / "chapters"}
    outcome = runner.run_book("smoke", site=False, command="vireid book", **options)
    assert not outcome.ok and outcome.page is None and "raise OSError(28" in outcome.failure
    assert outcome.failure.count(disk.SAID) == 1 and str(tmp_path / "ws") in outcome.failure
    assert "vireid book" in outcome.failure
