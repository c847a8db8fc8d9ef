"""Several processes that do one job, as `torchrun` or `accelerate launch` start them; alone, this does nothing."""

import contextlib
import os
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
