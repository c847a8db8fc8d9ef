"""One process at a time: on one machine or on several that share a folder, and on file systems that have no locks."""

import contextlib
import errno
import json
import os
import platform
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

from vireid_lib.data.contents import aside
from vireid_lib.experiment.provenance import minute, now

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What a file system without locks answers: NFS without its lock service, some network and FUSE ones."""

MARKED = ".held"
BEAT_S, PATIENCE_S, LOOK_S = 15.0, 120.0, 0.5
"""Seconds between a holder's signs of life; without one after which another machine's process counts as dead (longer
than network file systems remember a file's times); between looks at them."""


class Busy(RuntimeError):
    """Another process holds the lock; the message says which, as far as that is known."""


@contextlib.contextmanager
def held(path: Path, *, waiting: str = "") -> Iterator[None]:
    """Hold the lock `path` while the block runs.

    The file system's lock keeps the other processes of this machine out, and is freed when a process dies. Some file
    systems have none, and that of some shared folders ends at each machine, which nobody can see. So a file beside it
    says who holds it, and its time moves while that process lives. A dead process of this machine is passed over, and
    one of another machine when it has given no sign of life for `PATIENCE_S`; their clocks need not agree.

    Args:
        waiting: what to print if another process holds it; then this one waits. Empty does not wait, except for a sign
            of life of another machine's process.

    Raises:
        Busy: another process holds it, and `waiting` is empty.
        OSError: no lock can be made there; names the folder.
    """
    marker = path.with_name(path.name + MARKED)
    with contextlib.ExitStack() as stack:
        try:
            locked = _lock(path, marker, waiting, stack)
            _mark(marker, waiting, locked, stack)
        except OSError as error:
            raise _in_words(error, path) from error
        yield


def _lock(path: Path, marker: Path, waiting: str, stack: contextlib.ExitStack) -> bool:
    """Take the file system's lock until the stack is left; False where it has none."""
    lock = filelock.FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _tell(waiting, _holder(_read(marker), "if it hangs, end it"))
            lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"The file system of {path.parent} has no locks ({error.strerror}): files ending in {MARKED} stand in.",
            stacklevel=5,
        )
        return False
    stack.callback(lock.release)
    return True


def _mark(marker: Path, waiting: str, locked: bool, stack: contextlib.ExitStack) -> None:
    """Be the one whose marker it is until the stack is left."""
    remedy = f"if that runs no longer, delete {marker}, or wait {PATIENCE_S:.0f} seconds for a sign of life"
    own = json.dumps({"process": os.getpid(), "host": platform.node(), "since": now()}).encode()
    seen, since, told = None, 0.0, False
    while not _created(marker, own):
        if (state := _read(marker)) is None:
            continue  # gone in this very moment
        if state != seen:
            if seen is not None and seen[0] == state[0] and not waiting:
                raise Busy(_holder(state, remedy))
            seen, since = state, time.monotonic()
        here = _about(state).get("host") == platform.node()
        if here and (locked or not _is_alive(_about(state)["process"])) or time.monotonic() - since > PATIENCE_S:
            _remove(marker, state[0])
            continue
        if not told:
            looking = "" if here else "Another machine's process may be at work; looking whether it lives."
            _tell(waiting or looking, _holder(state, remedy))
            told = True
        time.sleep(LOOK_S)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(marker, own, ended), daemon=True)
    beating.start()
    stack.callback(_remove, marker, own)
    stack.callback(beating.join)
    stack.callback(ended.set)


def _beat(marker: Path, own: bytes, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        with contextlib.suppress(OSError):
            if marker.read_bytes() == own:
                os.utime(marker)


def _created(marker: Path, own: bytes) -> bool:
    try:
        with open(marker, "xb") as file:
            file.write(own)
    except FileExistsError:
        return False
    return True


def _read(marker: Path) -> tuple[bytes, int] | None:
    """Contents and time of a marker, as they are now: an opened file's are asked of the machine that has it."""
    try:
        with open(marker, "rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


def _remove(marker: Path, content: bytes) -> None:
    """Remove a marker if it is still that one. Another machine may have done so, and have set its own, which stays."""
    gone = aside(marker)
    with contextlib.suppress(FileNotFoundError):
        os.rename(marker, gone)
        gone.unlink() if gone.read_bytes() == content else os.rename(gone, marker)


def _about(state: tuple[bytes, int] | None) -> dict:
    """What a marker says; empty for one that is being written, or of another make."""
    try:
        found = json.loads(state[0]) if state else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and {"process", "host", "since"} <= found.keys() else {}


def _is_alive(process: int) -> bool:
    """Whether there is such a process on this machine; on Windows, where one can't ask harmlessly, there may be."""
    try:
        if os.name != "nt":
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tell(waiting: str, holder: str) -> None:
    if not waiting:
        raise Busy(holder)
    print(" ".join(filter(None, (waiting, holder))), flush=True)


def _holder(state: tuple[bytes, int] | None, remedy: str) -> str:
    """Who holds it, and what to do if need be; "" if nothing says so."""
    if state is None:
        return ""
    about = _about(state)
    who = f"process {about['process']} on {about['host']} since {minute(about['since'])}" if about else "somebody"
    return f"It is held by {who}; {remedy}."


def _in_words(error: OSError, path: Path) -> OSError:
    return OSError(
        error.errno,
        f"no lock can be made in {path.parent} ({os.strerror(error.errno) if error.errno else error}); make the folder "
        "writable, or give a --workspace on another disk",
    )
