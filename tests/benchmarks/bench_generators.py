"""Each trained generator's speed and memory: training steps a second, pictures a second (read, made and written by
`expand`) and the peak memory of a process of its own. Losses say nothing here: a few steps are trained.

Run: `python tests/benchmarks/bench_generators.py` (the miniature world's recipes), or with `--size paper` (the papers'
sizes, random weights; on a GPU). On a CPU the seconds are those that one thread computes, so that other programs do not
count. A generator whose base model is not on this machine is said to be not run.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pydantic import BaseModel

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import hardware
from vireid_lib.generators.dive import base
from vireid_lib.generators.untrained import Untrained
from vireid_lib.miniworld import write
from vireid_lib.training import loop

STEPS, WARM_UP = {"mini": 15, "paper": 5}, 3
PICTURES = {"mini": 64, "paper": 8}
WORLD = {"mini": "small", "paper": "mini"}  # the papers' batches want more people than the small world has
MIB = 2**20


class Clock(loop.Progress):
    """A training's progress that notes when each step ended."""

    stamps: list[tuple[loop.Progress, float]] = []
    now = staticmethod(time.process_time)

    def update(self, done: int, values: dict | None = None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.stamps.append((self, self.now()))
        super().update(done, values)


def trained() -> list[str]:
    """Names of the generators that learn something."""
    return [name for name in generators.names() if not issubclass(generators.generator_class(name), Untrained)]


def config_of(name: str, size: str) -> BaseModel:
    """The recipe for the miniature world, or the paper's settings, with a training of a few steps."""
    kind, steps = generators.generator_class(name).config_class, WARM_UP + STEPS[size]
    if size == "paper":  # random weights: speed does not depend on them
        config = kind(**({"pretrained": None} if "pretrained" in kind.model_fields else {}))
    else:
        config = kind(**load_profile("mini").generators["dive"]) if name == "dive" else kind.small()
    return config.model_copy(update={"steps": steps, "checkpoint_every": 0, "sampling_batch": PICTURES[size]})


def measure(name: str, size: str, world: Path, device: str) -> dict[str, Any]:
    """Fit for a few steps and make some pictures, in this process."""
    if device == "cpu":
        torch.set_num_threads(1)
    config = config_of(name, size)
    needed = getattr(config, "base_model", None)
    if needed and not base.is_here(needed):
        return {"not run": f"not run: {needed} is not on this machine"}
    target = tables.training_rows(read_dataset("mini_vi", world / "mini_vi"))
    external = read_dataset("mini_market", world / "mini_market")
    external = external[external["split"] == "train"].assign(split="external").reset_index(drop=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    Clock.now = staticmethod(time.perf_counter if device.startswith("cuda") else time.process_time)
    cameras = sorted(set(target.loc[target["modality"] == "infrared", "camera"]))[:1]
    people = sorted(external["identity"].unique())
    per_person = -(-PICTURES[size] // len(people))
    with tempfile.TemporaryDirectory() as folder, patch.object(loop, "Progress", Clock):
        maker = generators.build(name, config, cache=Path(folder) / "cache", device=device, progress=False)
        maker.fit(tables.concat(target, external), Path(folder) / "fit")
        stamps = [moment for clock, moment in Clock.stamps if clock is Clock.stamps[-1][0]][WARM_UP - 1 :]
        maker.expand(people[:1], cameras, 1, 1, Path(folder) / "first", source=external)
        began = Clock.now()
        made = maker.expand(people, cameras, per_person, 0, Path(folder) / "made", source=external)
        seconds = Clock.now() - began
    cuda = device.startswith("cuda")
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "steps": (len(stamps) - 1) / (stamps[-1] - stamps[0]),
        "pictures": len(made) / seconds,
        "peak": peak / MIB,
        "libraries": 0 if cuda else before / MIB,
    }


def main() -> None:
    """Print the table; each row is measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="generators; all that are trained by default")
    parser.add_argument("--size", choices=list(STEPS), default="mini")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    where = (
        torch.cuda.get_device_name() if given.device.startswith("cuda") else f"one thread of {hardware()['processor']}"
    )
    print(f"{given.size} size, {where}, torch {torch.__version__}")
    print(f"{'generator':16s} {'steps/s':>8s} {'pictures/s':>10s} {'peak MiB':>9s} {'of it libraries':>16s}")
    with tempfile.TemporaryDirectory() as folder:
        write.make(Path(folder), seed=0, size=WORLD[given.size])
        for name in given.names or trained():
            try:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:  # it tells of a killed one
                    found = pool.submit(measure, name, given.size, Path(folder), given.device).result()
            except Exception as error:
                found = {"not run": f"failed: {error}"}
            numbers = "{steps:8.2f} {pictures:10.1f} {peak:9.0f} {libraries:16.0f}"
            print(f"{name:16s} {found.get('not run') or numbers.format(**found)}", flush=True)


if __name__ == "__main__":
    main()
