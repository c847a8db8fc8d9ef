"""What makes a computation on a CPU give the same bits again: deterministic kernels and a fixed number of threads."""

import contextlib
from collections.abc import Iterator

import torch
from torch.utils import deterministic

from vireid_lib.training.giving_way import giving_way


@contextlib.contextmanager
def deterministic_kernels(wanted: bool = True) -> Iterator[None]:
    """Use torch's deterministic kernels in the block, where a kernel has a choice.

    Without them, two threads that add to the same row (the gradient of `table[index]`, say) add in any order, on a CPU
    as well. For an operation that has no deterministic kernel, torch warns.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = deterministic.fill_uninitialized_memory
    if wanted:
        torch.use_deterministic_algorithms(True, warn_only=True)
        deterministic.fill_uninitialized_memory = False  # finds reading of what was not written; costs time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        deterministic.fill_uninitialized_memory = filled


@contextlib.contextmanager
def threads(count: int, wanted: bool = True) -> Iterator[None]:
    """Compute with so many threads, whatever the machine has: sums of floats depend on how many threads share them.
    Several threads give way to other programs (`giving_way`)."""
    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(count)
    try:
        with giving_way() if wanted and count > 1 else contextlib.nullcontext():
            yield
    finally:
        torch.set_num_threads(before)
