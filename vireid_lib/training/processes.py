"""Several processes that do one job, as `torchrun` or `accelerate launch` start them; alone, this does nothing."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from datetime import timedelta

from accelerate.state import AcceleratorState, PartialState

from vireid_lib.training import launchers

PATIENCE = timedelta(days=2)  # how long a process waits for one that works alone: the first encodes all latents


def count() -> int:
    """How many processes do this job."""
    return int(os.environ.get("WORLD_SIZE", 1)) if launchers.joined() else 1


def index() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", 0)) if launchers.joined() else 0


def join(device: str | None) -> None:
    """Connect this process with the others; on a machine with several GPUs each takes its own. `device` is "cpu", or
    None for the best one there is."""
    if count() > 1:
        with launchers.alone():
            PartialState(cpu=device == "cpu", timeout=PATIENCE)
    else:
        # Accelerate remembers the first precision and device of a process; a notebook trains many things.
        AcceleratorState._reset_state(reset_partial_state=True)


@contextlib.contextmanager
def environment(device: str | None) -> Iterator[None]:
    """The environment that accelerate is to read; warns of the variables that are ignored. `device` is what a process
    that is alone computes on, None the best there is."""
    with launchers.alone(None if device == "cpu" else device) as left_out:
        if left_out and not launchers.joined():
            warnings.warn(launchers.in_words(left_out), stacklevel=3)
        yield


def wait() -> None:
    """Go on when all have come here."""
    if count() > 1:
        PartialState().wait_for_everyone()


@contextlib.contextmanager
def first_alone() -> Iterator[None]:
    """The first process runs the block alone; the others run it when that one is done, and find its work."""
    if index() > 0:
        wait()
    yield
    if index() == 0:
        wait()
