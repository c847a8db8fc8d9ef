"""Threads that wait for one another sleep at once where cores are busy; what they compute is the same, bit for bit."""

import contextlib
import hashlib
import os
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from vireid_lib.generators.dive.base import load_base
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


@pytest.fixture
def clock(monkeypatch):
    """Seconds that threads are said to have waited, one after the other; and what came and went."""
    told, events = [], []

    @contextlib.contextmanager
    def crowd():
        events.append("came")
        yield
        events.append("went")

    monkeypatch.setattr(giving_way, "crowd", crowd)
    monkeypatch.setattr(giving_way, "SECONDS", 0.01)

    def watch(shares):
        total = 0.0
        for share in (0, 0, *shares):  # asked twice before it begins
            total += 0.01 * share
            told.append(total)
        seen = iter(told)
        done = []

        def waited():
            value = next(seen, None)
            if value is None:
                done.append(True)
                return told[-1]
            return value

        monkeypatch.setattr(giving_way, "waited", waited)
        with giving_way.giving_way():
            while not done:
                time.sleep(0.01)
        return events

    return watch


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
def test_the_team_comes_when_cores_are_busy_and_goes_when_they_are_free(clock, monkeypatch, shares, expected):
    monkeypatch.setattr(giving_way, "libraries", lambda: ["one"])
    assert clock(shares) == expected


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


def test_the_bits_are_the_same_beside_others_and_on_one_core():
    free, own = digest(), os.sched_getaffinity(0)
    with giving_way.crowd():
        try:
            assert digest() == free
            for task in os.listdir("/proc/self/task"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(task), {min(own)})
            assert digest() == free
        finally:
            for task in os.listdir("/proc/self/task"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(task), own)
