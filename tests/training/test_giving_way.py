"""Threads that wait for one another sleep at once where cores are busy; what they compute is the same, bit for bit."""

import contextlib
import hashlib
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.training import giving_way
from vireid_lib.training.determinism import deterministic_kernels, threads

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not giving_way.libraries(), reason="GNU's OpenMP is torch's on Linux"
)


def sleeps() -> int:
    """How often a thread of this process has gone to sleep."""
    found = 0
    for file in Path("/proc/self/task").glob("*/status"):
        with contextlib.suppress(OSError):
            found += int(file.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return found


def work(times: int = 300) -> None:
    numbers = torch.zeros(100_000)
    for _ in range(times):
        numbers.add_(1)


def test_beside_an_idle_team_a_thread_that_waits_sleeps():
    """Between two operations the second thread waits for microseconds: too short for one that looks 10,000 times."""
    with threads(2):
        work()
        with giving_way.crowd():
            before = sleeps()
            work()
            assert sleeps() - before > 150
        assert "crowd" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0, 0.05, 0.01], []),
        ([0, 1.2, 0.9, 0.05], ["came", "went"]),  # it goes with the block at the latest
        ([0.5, 0, 0, 0, 0, 0, 0.5], ["came", "went", "came", "went"]),
        ([0.5, 0.05, 0.05, 0.05, 0.05, 0.5], ["came", "went", "came", "went"]),  # waking sleepers takes time too
        ([0.5, 0, 0, 0.5, 0, 0, 0.5], ["came", "went"]),  # a short pause of the other program
    ],
)
def test_the_team_comes_when_cores_are_busy_and_goes_when_they_are_free(monkeypatch, shares, expected):
    """Threads are said to have waited these shares of the time, one after the other."""
    events, asked_all = [], threading.Event()
    told = iter(0.01 * np.cumsum([0, 0, *shares]))  # asked twice before it begins

    @contextlib.contextmanager
    def crowd():
        events.append("came")
        yield
        events.append("went")

    def waited():
        value = next(told, None)
        if value is None:
            asked_all.set()
        return 0.01 * sum(shares) if value is None else value

    for name, stand_in in (("crowd", crowd), ("SECONDS", 0.01), ("waited", waited), ("libraries", lambda: ["one"])):
        monkeypatch.setattr(giving_way, name, stand_in)
    with giving_way.giving_way():
        assert asked_all.wait(60)
    assert events == expected


def digest() -> str:
    """Of the gradients of DiVE's miniature denoiser, computed by two threads."""
    unet = load_base("mini").unet.requires_grad_(True)
    draw = torch.Generator().manual_seed(0)
    latents = torch.randn(4, unet.config.in_channels, 16, 8, generator=draw)
    states = torch.randn(4, 24, unet.config.cross_attention_dim, generator=draw)
    with threads(2), deterministic_kernels():
        unet(latents, 500, states).sample.square().mean().backward()
    summary = hashlib.sha256()
    for parameter in unet.parameters():
        summary.update(parameter.grad.numpy().tobytes())
    return summary.hexdigest()


def on(cores):
    """Have all threads of this process run on these cores."""
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(task), cores)


def test_the_bits_are_the_same_beside_others_and_on_one_core():
    free, own = digest(), os.sched_getaffinity(0)
    with giving_way.crowd():
        try:
            assert digest() == free
            on({min(own)})
            assert digest() == free
        finally:
            on(own)
