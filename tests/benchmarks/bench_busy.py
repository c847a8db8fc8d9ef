"""What two threads lose to another program that computes on one of their two cores: with GNU OpenMP's own patience, and
with that which `vireid_lib` sets. Needs Linux.

Run: `python tests/benchmarks/bench_busy.py`. Prints milliseconds of a batch of ReID features (the small network) and of
a pass of DiVE's miniature denoiser, the median of `--repeats`, on idle cores and on busy ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import vireid_lib  # noqa: F401  (before torch, whose threads read how long to wait when they are loaded)

# isort: split
import torch

from vireid_lib.generators.dive.base import load_base
from vireid_lib.reid import methods

PATIENCE = {"GNU OpenMP's own": "300000", "vireid_lib's": ""}
"""GOMP_SPINCOUNT by name; an empty one leaves it to the library."""


def works() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    config = methods.method_class("agw").config_class.small()
    network = methods.build("agw", config, 40).network.eval()
    images = torch.rand(128, 3, config.height, config.width)
    unet = load_base("mini").unet.eval()
    latents = torch.randn(16, unet.config.in_channels, *unet.config.sample_size)
    states = torch.randn(16, 24, unet.config.cross_attention_dim)
    return {"features": lambda: network.features(images, "visible"), "denoiser": lambda: unet(latents, 500, states)}


@torch.no_grad()
def measure(repeats: int) -> dict[str, float]:
    """Milliseconds of each."""
    torch.set_num_threads(2)
    found = {}
    for name, work in works().items():
        work()
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        found[name] = 1000 * statistics.median(seconds)
    return found


def elsewhere(patience: str, repeats: int) -> dict[str, float]:
    """`measure` in a process that is as patient as said."""
    environment = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    environment |= {"GOMP_SPINCOUNT": patience} if patience else {}
    command = [sys.executable, __file__, "--inner", "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout.splitlines()[-1])


def main() -> None:
    """Print milliseconds, idle and busy, and how many times as long the busy ones are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        print(json.dumps(measure(options.repeats)))
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # inherited by what is started
    for name, patience in PATIENCE.items():
        idle = elsewhere(patience, options.repeats)
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            busy = elsewhere(patience, options.repeats)
        finally:
            other.kill()
        for work, alone in idle.items():
            print(f"{name:17} {work:9} idle {alone:7.1f} ms   busy {busy[work]:7.1f} ms   {busy[work] / alone:5.1f} ×")


if __name__ == "__main__":
    main()
