"""What one training costs, and how far the differences between training sets scatter over seeds, for shorter and longer
schedules, with and without an average of the weights.

Trains the small AGW network on a world that the book does not use, on real images, with greyscale copies and with true
infrared of external people, for each number of steps and batch; each network is tested as it ends and as a moving
average of its weights (batch statistics taken anew from training batches). A training that is done is not made again.

Run: `python tests/benchmarks/scatter.py --out DIR` (one thread; `--world`, `--steps`, `--batches`, `--seeds`). Prints,
for each schedule: CPU seconds of a training, the difference in rank-1 (points, mean over seeds and galleries), and the
standard deviation of one seed's. `vireid_lib/miniworld/CALIBRATION.md` keeps its table.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.evaluation import SysuProtocol, evaluate
from vireid_lib.evaluation.statistics import variance_components
from vireid_lib.generators.grayscale import GrayscaleCopies
from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import INFRARED
from vireid_lib.miniworld.oracle import read_oracle
from vireid_lib.reid.features import extract
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import ReidTask, train_task
from vireid_lib.training.average import WeightAverage

SETS = ("real", "grayscale", "true")
PER_CAMERA = 4  # infrared images of each external person and infrared camera
PROTOCOL = SysuProtocol(galleries=8)  # the profile mini's
DECAY = 0.99
STATISTICS_BATCHES = 50
"""Training batches from which the averaged network's batch statistics are taken."""


class Averaged(ReidTask):
    """The training as it is, followed by an average."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.extras["average"] = WeightAverage(self.method.network, DECAY)

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.modules["network"])


def training_table(world: dict[str, Path], name: str, folder: Path) -> pd.DataFrame:
    """mini_vi's train and val rows, and the external people with their infrared; `folder` gets the greyscale copies."""
    real = tables.training_rows(read_dataset("mini_vi", world["mini_vi"]))
    if name == "real":
        return real
    market = read_dataset("mini_market", world["mini_market"])
    external = market[market["split"] == "train"].assign(split="external").reset_index(drop=True)
    if name == "grayscale":
        copies = GrayscaleCopies()
        copies.fit(external, folder)
        names = sorted(external["identity"].unique())
        return tables.concat(real, external, copies.expand(names, list(INFRARED), PER_CAMERA, 0, folder))
    infrared = read_oracle(world["mini_truth"], name)
    place = infrared.groupby(["identity", "camera"]).cumcount()
    return tables.concat(real, external, infrared[place < PER_CAMERA])


def train_once(
    world: dict[str, Path], name: str, steps: int, batch: tuple[int, int], seed: int, folder: Path
) -> list[dict]:
    """The scores of the last network and of the average: a row for each gallery. `batch`: identities, images."""
    table = training_table(world, name, folder.parent / "grey")
    config = AgwConfig.small(steps=steps, identities=batch[0], images=batch[1])
    task = Averaged(table, config, seed=seed, cache=folder.parent / "cache")
    began = time.process_time()
    network = train_task(task, config, folder, seed=seed, checkpoint_every=steps, device="cpu", progress=False)
    seconds = time.process_time() - began
    average = task.extras["average"].module
    _take_statistics(average, task)
    test = tables.test_rows(read_dataset("mini_vi", world["mini_vi"]))
    rows = []
    for kind, tested in (("last step", network), ("average", average.eval())):
        found = evaluate(extract(tested, test, config, folder.parent / "cache"), test, PROTOCOL).to_frame()
        for part, rank_1 in (100 * found.groupby("part")["rank_1"].mean()).items():
            rows.append(
                {"set": name, "steps": steps, "batch": "×".join(map(str, batch)), "seed": seed, "tested": kind}
                | {"part": int(part)}
                | {"rank_1": float(rank_1), "seconds": seconds}
            )
    return rows


@torch.no_grad()
def _take_statistics(network: nn.Module, task: ReidTask) -> None:
    """Batch statistics of these weights: the mean over training batches."""
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    for step in range(STATISTICS_BATCHES):
        batch = task.method.augment(task.batch(step))
        network(batch.visible, batch.infrared)


def report(rows: pd.DataFrame) -> str:
    """A Markdown table: a line for each schedule, network and difference."""
    lines = [
        "| steps | batch | network tested | CPU seconds of a training | difference | mean | scatter of one seed |",
        "|---|---|---|---|---|---|---|",
    ]
    cost = rows.groupby(["steps", "batch"])["seconds"].median()
    for (steps, batch, tested), found in rows.groupby(["steps", "batch", "tested"], sort=True):
        by_set = found.pivot(index=["seed", "part"], columns="set", values="rank_1")
        for plus, minus in (("grayscale", "real"), ("true", "real"), ("true", "grayscale")):
            difference = (by_set[plus] - by_set[minus]).unstack("part").to_numpy()
            seed, _, rest = variance_components(difference)
            scatter = np.sqrt(max(seed + rest / difference.shape[1], 0))
            numbers = f"{difference.mean():+.1f} | {scatter:.2f}"
            about = f"{steps} | {batch} | {tested} | {cost[steps, batch]:.0f}"
            lines.append(f"| {about} | {plus} − {minus} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--world", type=int, default=7)
    parser.add_argument("--steps", type=int, nargs="+", default=[450, 600, 900, 1350])
    parser.add_argument("--batches", nargs="+", default=["8x4"], help="identities x images of each")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    torch.set_num_threads(1)
    root = options.out / f"world-{options.world}"
    world, rows = write.make(root, seed=options.world), []
    for seed, steps, batch, name in itertools.product(options.seeds, options.steps, options.batches, SETS):
        folder = root / f"{name}-{steps}-{batch}-{seed}"
        done = folder.with_suffix(".json")
        if not done.exists():
            identities, images = map(int, batch.split("x"))
            done.write_text(json.dumps(train_once(world, name, steps, (identities, images), seed, folder)))
        rows += json.loads(done.read_text())
    found = pd.DataFrame(rows)
    found.to_csv(options.out / f"world-{options.world}.csv", index=False)
    print(report(found))


if __name__ == "__main__":
    main()
