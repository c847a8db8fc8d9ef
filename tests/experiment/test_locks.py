"""One process at a time, with the file system's locks, without, and on machines that share a folder; a dead process
holds nobody up for ever."""

import contextlib
import errno
import os
import re
import socket
import subprocess
import sys
import threading
import time

import chapters
import pytest

from vireid_lib.experiment import locks
from vireid_lib.experiment.runner import RunError, run_book

fcntl = pytest.importorskip("fcntl")

HOLDER = """
import fcntl, os, socket, sys, time
from pathlib import Path
path, kind, host = sys.argv[1:]
if kind != "0":
    def flock(*_):
        if kind != "unseen":
            raise OSError(int(kind), os.strerror(int(kind)))
    fcntl.flock = flock
from vireid_lib.experiment import locks
if host:
    socket.gethostname, locks.PATIENCE_S, locks.BEAT_S = lambda: host, 2, 0.2
with locks.held(Path(path)):
    print("held", flush=True)
    time.sleep(600)
"""
PATIENCE_S = 2


@pytest.fixture
def answers(monkeypatch):
    """Call it with a number that flock is to answer with from now on."""

    def answer(number):
        def flock(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    return answer


@pytest.fixture
def right(monkeypatch):
    """This process is on the machine `right`, whose locks no other machine sees."""
    monkeypatch.setattr(socket, "gethostname", lambda: "right")
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    for name, seconds in {"PATIENCE_S": PATIENCE_S, "BEAT_S": 0.2, "LOOK_S": 0.05}.items():
        monkeypatch.setattr(locks, name, seconds)


@contextlib.contextmanager
def held_elsewhere(path, kind, host=""):
    command = [sys.executable, "-c", HOLDER, str(path), str(kind), host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one:
        try:
            assert one.stdout.readline().strip() == "held"
            yield one
        finally:
            one.kill()


pytestmark = pytest.mark.filterwarnings("ignore:The file system of .* has no locks", "ignore:flock not supported")


@pytest.mark.parametrize("kind", [0, errno.ENOLCK], ids=["locks", "NOLCK"])
def test_another_process_is_kept_out_and_let_in_when_the_first_is_done(tmp_path, kind, answers, capsys):
    """On a file system with locks (0), or one that answers with this number; there it is said who holds it."""
    path = tmp_path / ".lock"
    with held_elsewhere(path, kind) as other:
        if kind:
            answers(kind)
        who = f"process {other.pid} on .*; if that runs no longer, delete .*held" if kind else None
        with pytest.raises(locks.Busy, match=who), locks.held(path):
            pass
        threading.Timer(1, lambda: (other.kill(), other.wait())).start()
        began = time.monotonic()
        with locks.held(path, waiting="Another process is there; waiting for it."):
            assert time.monotonic() - began > 0.5
    assert "waiting for it." in capsys.readouterr().out
    with locks.held(path):
        pass


def test_another_machines_process_is_waited_for_until_it_gives_no_sign_of_life(tmp_path, right, capsys):
    path = tmp_path / ".lock"
    with held_elsewhere(path, "unseen", "left") as other:
        who = f"process {other.pid} on left; if that runs no longer, delete {path}.held"
        with pytest.raises(locks.Busy, match=re.escape(who)), locks.held(path):
            pass
        threading.Timer(PATIENCE_S + 1, lambda: (other.kill(), other.wait())).start()
        began = time.monotonic()
        with locks.held(path, waiting="Another process is there; waiting for it."):
            assert time.monotonic() - began > 2 * PATIENCE_S + 0.5, "while it lived, and its patience after"
    assert who in capsys.readouterr().out


def test_a_book_of_another_machine_is_not_disturbed(tmp_path, right):
    (tmp_path / "w").mkdir()
    chapters.write(tmp_path, "01_first")
    with held_elsewhere(tmp_path / "w" / ".book.lock", "unseen", "left") as there:
        told = f"Another `vireid book` is running.*process {there.pid} on left"
        with pytest.raises(RunError, match=told):
            run_book("smoke", workspace=tmp_path / "w", chapters_folder=tmp_path, site=False)
    assert not (tmp_path / "w" / "book.json").exists()


@pytest.mark.parametrize("left", [b"", b"{", b"123"])
def test_a_marker_that_was_never_written_holds_nobody_up(tmp_path, monkeypatch, left):
    """A process may be killed between making its marker and writing it."""
    monkeypatch.setattr(locks, "UNWRITTEN_S", 0.2)
    (tmp_path / f"lock{locks.MARKED}").write_bytes(left)
    began = time.monotonic()
    with locks.held(tmp_path / "lock"):
        assert time.monotonic() - began < 30
    assert not (tmp_path / f"lock{locks.MARKED}").exists()


def test_a_file_system_without_locks_is_told_of(tmp_path, answers):
    answers(errno.ENOLCK)
    with pytest.warns(UserWarning, match=f"file system of {tmp_path} has no locks"), locks.held(tmp_path / ".lock"):
        pass


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO])
def test_where_no_lock_can_be_made_the_folder_and_the_remedy_are_named(tmp_path, monkeypatch, number):
    def acquire(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.filelock.FileLock, "acquire", acquire)
    with pytest.raises(OSError, match=f"no lock can be made in {tmp_path}.*--workspace") as caught:
        with locks.held(tmp_path / ".lock"):
            pass
    assert caught.value.errno == number
