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
from unittest.mock import patch

import torch
from pydantic import BaseModel

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import hardware
from vireid_lib.generators.dive import base_model
from vireid_lib.miniworld import write
from vireid_lib.training import loop

STEPS, WARM_UP = {"mini": 15, "paper": 5}, 3
PICTURES = {"mini": 64, "paper": 8}
WORLD = {"mini": "small", "paper": "mini"}  # the papers' batches want more people than the small world has
ROW = "{name:16s} {steps:8.2f} {pictures:10.1f} {peak:9.0f} {libraries:16.0f}"


class Clock(loop.Progress):
    """A training's progress that notes when each step ended."""

    stamps: list[tuple[loop.Progress, float]] = []

    @staticmethod
    def now() -> float:
        if not torch.cuda.is_available():
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def update(self, done: int, values: dict | None = None) -> None:
        self.stamps.append((self, self.now()))
        super().update(done, values)


def config_of(name: str, size: str) -> BaseModel:
    """The recipe for the miniature world, or the paper's settings, with a training of a few steps."""
    kind, steps = generators.generator_class(name).config_class, WARM_UP + STEPS[size]
    if size == "paper":  # random weights: speed does not depend on them
        config = kind(**({"pretrained": None} if "pretrained" in kind.model_fields else {}))
    else:
        config = kind(**load_profile("mini").generators["dive"]) if name == "dive" else kind.small()
    return config.model_copy(update={"steps": steps, "checkpoint_every": 0, "sampling_batch": PICTURES[size]})


def memory() -> float:
    """The largest that this process has had, in MiB: on a GPU there, elsewhere with the libraries' own."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(name: str, size: str, world: Path) -> str:
    """The row of a generator that is fitted for a few steps and makes some pictures, in this process."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    config, before = config_of(name, size), memory()
    needed = getattr(config, "base_model", None)
    if needed and not base_model.is_here(needed):
        return f"{name:16s} not run: {needed} is not on this machine"
    target = tables.training_rows(read_dataset("mini_vi", world / "mini_vi"))
    external = read_dataset("mini_market", world / "mini_market")
    external = external[external["split"] == "train"].assign(split="external").reset_index(drop=True)
    cameras = sorted(set(target.loc[target["modality"] == "infrared", "camera"]))[:1]
    people = sorted(external["identity"].unique())
    with tempfile.TemporaryDirectory() as place, patch.object(loop, "Progress", Clock):
        folder = Path(place)
        maker = generators.build(name, config, cache=folder / "cache", progress=False)
        maker.fit(tables.concat(target, external), folder / "fit")
        ends = [moment for clock, moment in Clock.stamps if clock is Clock.stamps[-1][0]][WARM_UP - 1 :]
        maker.expand(people[:1], cameras, 1, 1, folder / "first", source=external)
        began = Clock.now()
        made = maker.expand(people, cameras, -(-PICTURES[size] // len(people)), 0, folder / "made", source=external)
        found = {"pictures": len(made) / (Clock.now() - began), "steps": (len(ends) - 1) / (ends[-1] - ends[0])}
    return ROW.format(name=name, peak=memory(), libraries=before, **found)


def main() -> None:
    """Print the table; each row is measured in a process of its own."""
    every = {name: generators.generator_class(name) for name in generators.names()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="generators; all that are trained by default")
    parser.add_argument("--size", choices=list(STEPS), default="mini")
    given = parser.parse_args()
    names = given.names or [name for name, kind in every.items() if kind.trained]
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"a thread of {hardware()['processor']}"
    print(f"{given.size} size, {where}, torch {torch.__version__}")
    print(f"{'generator':16s} {'steps/s':>8s} {'pictures/s':>10s} {'peak MiB':>9s} {'of it libraries':>16s}")
    with tempfile.TemporaryDirectory() as folder:
        write.make(Path(folder), seed=0, size=WORLD[given.size])
        for name in names:
            try:
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:  # it tells of a killed one
                    print(pool.submit(measure, name, given.size, Path(folder)).result(), flush=True)
            except Exception as error:
                print(f"{name:16s} failed: {error}", flush=True)


if __name__ == "__main__":
    main()
