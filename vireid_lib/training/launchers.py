"""Environment variables of launchers and job systems (`WORLD_SIZE`, `RANK`, `PMI_SIZE`, …), and when they count.

accelerate and torch take such variables for a launcher's, and wait for processes that may never come. Here they count
only where `torchrun` or `accelerate launch` has started this very process: the book is one process and starts others
itself.
"""

import contextlib
import os
import re
import warnings
from collections.abc import Iterator, MutableMapping

JOINED = "TORCHELASTIC_RUN_ID"  # in the environment of each process that `torchrun` or `accelerate launch` starts

DEVICE = "ACCELERATE_TORCH_DEVICE"  # the device that accelerate is to take

OWN = re.compile(
    r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|(ROLE|GROUP)_NAME|NODE_RANK|MASTER_(ADDR|PORT)|TORCHELASTIC_\w+|PET_\w+"
    r"|(ACCELERATE|FSDP|PARALLELISM_CONFIG)_\w+|FORK_LAUNCHED"
)
"""Set by torch's and accelerate's launchers."""

OTHERS = re.compile(r"(PMI|PMIX|OMPI_COMM_WORLD|MV2_COMM_WORLD)_\w+|MPI_LOCAL\w+")
"""Set by MPI, also under a job system; accelerate prefers it to `torchrun`."""

TASKS = re.compile(r"SLURM_(NTASKS|NPROCS|STEP_NUM_TASKS|PROCID|LOCALID)")
"""Not read by anything here, though a user may expect it."""


def joined() -> bool:
    """Whether a launcher has started this process as one of those that do a job."""
    return JOINED in os.environ


def forget(environment: MutableMapping[str, str]) -> list[str]:
    """Remove what would make one process wait for others; return as `NAME=value` what is ignored."""
    named = [name for name in sorted(environment) if OWN.fullmatch(name) or OTHERS.fullmatch(name)]
    told = [
        f"{name}={value}"
        for name, value in sorted(environment.items())
        if name in named or (TASKS.fullmatch(name) and value not in ("0", "1"))
    ]
    for name in named:
        del environment[name]
    return told


def in_words(ignored: list[str]) -> str:
    """The message about ignored variables."""
    return f"ignored: {', '.join(ignored)}. The book is one process, and starts others itself where it needs them."


@contextlib.contextmanager
def alone(device: str | None = None) -> Iterator[None]:
    """An environment for accelerate without other launchers' variables, and without any where no launcher has started
    this process, which it warns of; then the one that was before. `device` is what a process that is alone computes on,
    None the best there is."""
    before = dict(os.environ)
    try:
        if joined():
            for name in filter(OTHERS.fullmatch, before):
                del os.environ[name]
        else:
            if ignored := forget(os.environ):
                warnings.warn(in_words(ignored), stacklevel=3)
            if device not in (None, "cpu"):
                os.environ[DEVICE] = device
        yield
    finally:
        os.environ.pop(DEVICE, None)
        os.environ.update({name: value for name, value in before.items() if name not in os.environ})
