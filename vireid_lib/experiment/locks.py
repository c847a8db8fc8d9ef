"""One process at a time: on one machine or on several that share a folder, and on file systems that have no locks."""

import contextlib
import errno
import os
import socket
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What a file system without locks answers: NFS without its lock service, some network and FUSE ones."""

MARKED = ".held"
BEAT_S, PATIENCE_S, LOOK_S, UNWRITTEN_S = 15.0, 120.0, 0.5, 5.0
"""Seconds between a holder's signs of life; without one after which another machine's process counts as dead (longer
than network file systems remember a file's times); between looks at them; after which a marker that is still empty is
that of a process which was killed between making and writing it."""


class Busy(RuntimeError):
    """Another process holds the lock; the message says which, as far as that is known."""


@contextlib.contextmanager
def held(path: Path, *, waiting: str = "") -> Iterator[None]:
    """Hold the lock `path` while the block runs.

    The file system's lock keeps the other processes of this machine out, and is freed when a process dies. Some file
    systems have none, and that of some shared folders ends at each machine, which nobody can see. So a file beside it
    (a lease of filelock's) says who holds it, and its time moves while that process lives. A dead process of this
    machine is passed over, and one of another machine when it has given no sign of life for `PATIENCE_S`; their clocks
    need not agree. `waiting`: what to print if another process holds it; then this one waits. Empty does not wait,
    except for a sign of life of another machine's process.

    Raises:
        Busy: another process holds it, and `waiting` is empty.
        OSError: no lock can be made there; names the folder.
    """
    marker = path.with_name(path.name + MARKED)
    lease = filelock.SoftFileLease(marker, lease_duration=PATIENCE_S, heartbeat_interval=BEAT_S)
    with contextlib.ExitStack() as stack:
        try:
            _lock(path, lease, waiting, stack)
            _mark(marker, lease, waiting, stack)
        except OSError as error:
            raise OSError(
                error.errno,
                f"no lock can be made in {path.parent} ({os.strerror(error.errno) if error.errno else error}); make "
                "the folder writable, or give a --workspace on another disk",
            ) from error
        yield


def _lock(path: Path, lease: filelock.SoftFileLease, waiting: str, stack: contextlib.ExitStack) -> None:
    """Take the file system's lock, if it has one, until the stack is left."""
    lock = filelock.FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _tell(waiting, _holder(lease.owner, "if it hangs, end it"))
            lock.acquire()
        stack.callback(lock.release)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"The file system of {path.parent} has no locks ({error.strerror}): files ending in {MARKED} stand in.",
            stacklevel=5,
        )


def _mark(marker: Path, lease: filelock.SoftFileLease, waiting: str, stack: contextlib.ExitStack) -> None:
    """Be the one whose marker it is until the stack is left."""
    remedy = f"if that runs no longer, delete {marker}, or wait {PATIENCE_S:.0f} seconds for a sign of life"
    seen, told, empty = None, False, None
    while True:
        with contextlib.suppress(filelock.Timeout):
            lease.acquire(timeout=0)
            stack.callback(lease.release)
            return
        owner, beat = lease.owner, _beat(marker)
        if owner is None or beat is None:  # gone in this very moment, or not yet written
            if beat is None or empty is None or empty[0] != beat:
                empty = beat, time.monotonic()
            elif time.monotonic() - empty[1] > UNWRITTEN_S:
                with contextlib.suppress(FileNotFoundError):
                    if _beat(marker) == beat and not marker.stat().st_size:
                        marker.unlink()
            time.sleep(0.01)
            continue
        if not waiting and (owner.token, beat) != seen and seen is not None and seen[0] == owner.token:
            raise Busy(_holder(owner, remedy))
        seen = owner.token, beat
        if not told:
            here = _host(owner) == socket.gethostname()
            looking = "" if here else "Another machine's process may be at work; looking whether it lives."
            _tell(waiting or looking, _holder(owner, remedy))
            told = True
        time.sleep(LOOK_S)


def _beat(marker: Path) -> int | None:
    """When the holder last gave a sign of life: an opened file's time is asked of the machine that has it."""
    with contextlib.suppress(FileNotFoundError), open(marker, "rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns
    return None


def _host(owner: filelock.OwnerRecord) -> str:
    return owner.hostname.partition("?")[0]  # what follows tells containers of one machine apart


def _tell(waiting: str, holder: str) -> None:
    if not waiting:
        raise Busy(holder)
    print(" ".join(filter(None, (waiting, holder))), flush=True)


def _holder(owner: filelock.OwnerRecord | None, remedy: str) -> str:
    """Who holds it, and what to do if need be; "" if nothing says so."""
    return "" if owner is None else f"It is held by process {owner.pid} on {_host(owner)}; {remedy}."
