"""One process at a time, with the file system's locks and without; a dead process holds nobody up for ever."""

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from vireid_lib.experiment import locks

fcntl = pytest.importorskip("fcntl")

HOLDER = """
import errno, fcntl, os, sys, time
from pathlib import Path
if sys.argv[2] != "0":
    def flock(*_): raise OSError(int(sys.argv[2]), os.strerror(int(sys.argv[2])))
    fcntl.flock = flock
from vireid_lib.experiment import locks
with locks.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def answers(monkeypatch):
    """Call it with a number that flock is to answer with from now on."""

    def answer(number):
        def flock(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    return answer


@contextlib.contextmanager
def held_elsewhere(path, kind):
    command = [sys.executable, "-c", HOLDER, str(path), str(kind)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one:
        try:
            assert one.stdout.readline().strip() == "held"
            yield one
        finally:
            one.kill()


pytestmark = pytest.mark.filterwarnings("ignore:The file system of .* has no locks", "ignore:flock not supported")


@pytest.mark.parametrize("kind", [0, errno.ENOLCK, errno.ENOSYS], ids=["locks", "NOLCK", "NOSYS"])
def test_another_process_is_kept_out_and_let_in_when_the_first_is_done(tmp_path, kind, answers, capsys):
    """On a file system with locks (0), or one that answers with this number; there it is said who holds it."""
    path = tmp_path / ".lock"
    with held_elsewhere(path, kind) as other:
        if kind:
            answers(kind)
        words = {errno.ENOLCK: "; if that runs no longer, delete .*held", errno.ENOSYS: ""}.get(kind)
        who = None if words is None else f"process {other.pid} on .*{words}"
        with pytest.raises(locks.Busy, match=who), locks.held(path):
            pass
        threading.Timer(1, lambda: (other.kill(), other.wait())).start()
        began = time.monotonic()
        with locks.held(path, waiting="Another process is there; waiting for it."):
            assert time.monotonic() - began > 0.5
    assert "waiting for it." in capsys.readouterr().out
    with locks.held(path):
        pass


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
