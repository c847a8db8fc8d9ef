"""Threads that share a computation give way to other programs: they sleep at once while they wait for one another.

A thread of GNU's OpenMP, with which torch computes on Linux, polls whether the others are done before it sleeps. On
free cores that is fastest. Where another program has one of two cores, the thread on that core waits for its turn again
in each of the thousand parts of a step, while the other thread polls: a step takes ten times as long. OpenMP sleeps
after a few polls where it manages more threads than there are cores. So when threads of this process have to wait for a
core, one more, idle team of threads is made, until the cores are free again. How many threads share a computation stays
the same, and with it the bits (`tests/benchmarks/bench_busy.py` has the times).
"""

import contextlib
import ctypes
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from vireid_lib import cores

SECONDS = 0.5  # between two looks at how long threads have waited for a core

BUSY = 0.1
"""Share of the time that they wait, all together, above which the cores are busy.

On free cores it is 0.01 to 0.05, even where threads sleep at once (being woken a thousand times takes that long).
Beside another program it is 0.5 and more.
"""

CALM = 4  # looks in a row at free cores before the idle team goes: another program may only have paused

TASKS = Path("/proc/self/task")
LIBRARY = re.compile(r"(/\S*/libgomp[^/\s]*\.so[^/\s]*)")


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Watch the cores while the block runs. Does nothing but on Linux with GNU's OpenMP."""
    if sys.platform != "linux" or waited() is None or not libraries():
        yield
        return
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stop,), daemon=True, name="cores")
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def waited() -> float | None:
    """Seconds that this process's threads were ready and had no core, since each began; None if nobody says."""
    found = 0
    for file in TASKS.glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found += int(file.read_text().split()[1])
    return found / 1e9 if (TASKS / str(os.getpid()) / "schedstat").exists() else None


def libraries() -> list[str]:
    """Files of the GNU OpenMP libraries that this process has loaded."""
    try:
        return sorted(set(LIBRARY.findall(Path("/proc/self/maps").read_text())))
    except OSError:
        return []


@contextlib.contextmanager
def crowd() -> Iterator[None]:
    """Of each OpenMP library an idle team of threads, one a core, while the block runs: waiting threads then sleep at
    once."""
    here, gone = threading.Event(), threading.Event()

    def stand() -> None:
        # Not through torch, which would set the number of MKL's threads, for all threads, once more.
        nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
        for file in libraries():
            start = ctypes.CDLL(file).GOMP_parallel
            start.argtypes, start.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
            start(nothing, None, max(2, cores.allowed()), 0)
        here.set()
        gone.wait()  # a team lives as long as the thread that has started it

    thread = threading.Thread(target=stand, daemon=True, name="crowd")
    thread.start()
    here.wait()
    try:
        yield
    finally:
        gone.set()
        thread.join()


def _watch(stop: threading.Event) -> None:
    before, calm, there = waited(), 0, False
    with contextlib.ExitStack() as team:
        while not stop.wait(SECONDS):
            now = waited()
            share, before = (now - before) / SECONDS, now
            calm = calm + 1 if share < BUSY else 0
            if not there and share > BUSY:
                there = True
                team.enter_context(crowd())
            elif there and calm >= CALM:
                there = False
                team.close()
