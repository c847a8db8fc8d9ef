"""One process at a time, on file systems that have locks and on those that have none."""

import contextlib
import errno
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What a file system without locks answers: NFS without its lock service, some network and FUSE ones."""

MARKED = ".held"


class Busy(RuntimeError):
    """Another process holds the lock; the message says which, as far as that is known."""


@contextlib.contextmanager
def held(path: Path, *, waiting: str = "") -> Iterator[None]:
    """Hold the lock `path` while the block runs.

    Where the file system has locks, the operating system frees that of a process that died. Where it has none, a file
    beside it marks that the lock is held, with host and process: a dead process of this host is passed over, and one of
    another host is waited for, since nobody here can know whether it lives.

    Args:
        waiting: what to print if another process holds it; then this one waits. Empty does not wait.

    Raises:
        Busy: another process holds it, and `waiting` is empty.
        OSError: no lock can be made there; names the folder.
    """
    try:
        lock = _acquired(filelock.FileLock(path), path, waiting)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise _in_words(error, path) from error
        warnings.warn(
            f"The file system of {path.parent} has no locks ({error.strerror}): files ending in {MARKED} stand in.",
            stacklevel=4,
        )
        lock = _marked(path, waiting)
    try:
        yield
    finally:
        lock.release()


def _marked(path: Path, waiting: str) -> filelock.BaseFileLock:
    marker = path.with_name(path.name + MARKED)
    try:
        return _acquired(filelock.SoftFileLock(marker), marker, waiting)
    except OSError as error:
        raise _in_words(error, path) from error


def _acquired(lock: filelock.BaseFileLock, path: Path, waiting: str) -> filelock.BaseFileLock:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        holder = _holder(path)
        if not waiting:
            raise Busy(holder) from None
        print(" ".join(filter(None, (waiting, holder))), flush=True)
        lock.acquire()
    return lock


def _holder(path: Path) -> str:
    """Who holds a marker, and what to do if they don't; "" for a lock of the operating system, which tells nobody."""
    if not path.name.endswith(MARKED):
        return ""
    with contextlib.suppress(OSError, ValueError):
        process, host = path.read_text(encoding="utf-8").split()[:2]
        return f"It is held by process {process} on {host}; if that runs no longer, delete {path}."
    return f"If no other process runs, delete {path}."


def _in_words(error: OSError, path: Path) -> OSError:
    return OSError(
        error.errno,
        f"no lock can be made in {path.parent} ({os.strerror(error.errno) if error.errno else error}); make the folder "
        "writable, or give a --workspace on another disk",
    )
