"""What two threads lose where another program computes on one of their two cores, and where there is one core for both;
with GNU OpenMP's own patience, with that which `vireid_lib` sets, and as a stage computes, which watches the cores too.

Run: `python tests/benchmarks/bench_busy.py`, on Linux. Prints milliseconds of a batch of ReID features (the small
network), of a pass of DiVE's miniature denoiser and of a step of its training, the fastest of all rounds, and their
ratio to the same on free cores, as a stage computes. The conditions take turns, so that the ratios also mean something
on a machine that others use.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import vireid_lib  # noqa: F401  (before torch, whose threads read how long to wait when they are loaded)

# isort: split
import pandas as pd
import torch

from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.reid import methods
from vireid_lib.training.determinism import threads
from vireid_lib.training.giving_way import SECONDS

KINDS = {
    "GNU OpenMP's own, 2 threads": ("300000", 2, False),
    "10,000 looks, 2 threads": ("10000", 2, False),
    "as a stage, 2 threads": ("", 2, True),
    "1 thread": ("", 1, False),
}
"""Name → GOMP_SPINCOUNT (empty leaves it to the library), threads, whether cores are watched."""

LONGEST = 4
"""Seconds after which no repeat is begun."""

BUSY = "beside another program"
PLACES = ("free cores", BUSY, "on one core")


def works() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    config = methods.method_class("agw").config_class.small()
    network = methods.build("agw", config, 40).network.eval()
    images = torch.rand(128, 3, config.height, config.width)
    unet = load_base("mini").unet.eval()
    latents = torch.randn(16, unet.config.in_channels, *unet.config.sample_size)
    states = torch.randn(16, 24, unet.config.cross_attention_dim)

    def step() -> None:
        unet.requires_grad_(True)
        unet(latents, 500, states).sample.square().mean().backward()

    return {
        "features": torch.no_grad()(lambda: network.features(images, "visible")),
        "denoiser": torch.no_grad()(lambda: unet(latents, 500, states)),
        "step": step,
    }


def measure(kind: str, place: str, repeats: int) -> dict[str, float]:
    """Milliseconds of each work in this process: the median of its repeats."""
    _, count, watched = KINDS[kind]
    torch.set_num_threads(count)
    every, found = works(), {}
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if place == BUSY else None
    try:
        with threads(count) if watched else nullcontext():
            for name, work in every.items():
                settled = time.perf_counter() + (3 * SECONDS if watched else 0)  # let it see who else is there
                work()
                while time.perf_counter() < settled:
                    work()
                end, taken = time.perf_counter() + LONGEST, []
                while len(taken) < repeats and time.perf_counter() < end:
                    began = time.perf_counter()
                    work()
                    taken.append(1000 * (time.perf_counter() - began))
                found[name] = statistics.median(taken)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return found


def elsewhere(kind: str, place: str, repeats: int) -> dict[str, float]:
    """`measure` in a process that is as patient as `kind` says, on the cores of `place`."""
    patience = {"GOMP_SPINCOUNT": KINDS[kind][0]} if KINDS[kind][0] else {}
    environment = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    cores = sorted(os.sched_getaffinity(0))[: 1 if place == "on one core" else 2]
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, __file__, "--inner", kind, place]
    command += ["--repeats", str(repeats)]
    run = subprocess.run(command, env=environment | patience, check=True, capture_output=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--inner", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        print(json.dumps(measure(*options.inner, options.repeats)))
        return
    rows = [
        {"kind": kind, "place": place, "work": work, "ms": value}
        for _, kind, place in itertools.product(range(options.rounds), KINDS, PLACES)
        for work, value in elsewhere(kind, place, options.repeats).items()
    ]
    fastest = pd.DataFrame(rows).groupby(["work", "kind", "place"], sort=False)["ms"].min().unstack()
    free = fastest.xs("as a stage, 2 threads", level="kind")["free cores"]
    ratios = fastest.div(free, axis=0, level="work")
    print(pd.concat({"ms": fastest, "ratio": ratios}, axis=1).round(1).to_string())


if __name__ == "__main__":
    main()
