"""Each real-data profile at the size of the real data, without the real images: time and peak memory of all that needs
no GPU, each stage in a process of its own, and how both grow from a tenth of the identities to all of them.

Run: `python tests/benchmarks/full_size.py --folder DIR` (`--profile sysu`, `--share 0.1 1`). It needs some 3 GB of
disk for each profile. What it draws stays in DIR and is not drawn again. It exits with 1 if a stage fails or needs more
than 6 GB. Ranking must grow with queries × gallery, and what looks at pairs of images (IIRS, HIMD, copies) with their
square; nothing else may grow faster than the images do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml
from full_size_trees import TREES

from vireid_lib import experiment
from vireid_lib.analysis.embedding_spread import cross_modality_distances, spread, tsne
from vireid_lib.analysis.retrieval import ranked
from vireid_lib.analysis.subsets import readable_sample
from vireid_lib.cli import main as main_of_cli
from vireid_lib.data import tables
from vireid_lib.data.check import check_dataset
from vireid_lib.data.contents import written_aside
from vireid_lib.data.images import TablePixels
from vireid_lib.project import project_root
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import ReidTask
from vireid_lib.training import loop

LIMIT_GB = 6.0
PROFILES = ("sysu", "llcm", "regdb")
STEPS = 20
"""Of the small network whose features are ranked: its quality does not matter here, its size does."""


def profile_of(name: str, folder: Path) -> Path:
    """The profile with a small network that is trained for a few steps, on real images and beside greyscale copies."""
    values = yaml.safe_load((project_root() / "notebooks" / "profiles" / f"{name}.yaml").read_text())
    sets = {"backbone": "small", "seeds": [0], "training_sets": ["real", "grayscale"], "config": {"steps": STEPS}}
    values["reid"] |= sets
    values["images"] = {"height": 64, "width": 32}
    values["data"]["roots"] = {each: each for each in values["data"]["roots"]}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


# The stages: each is given the run and its folder, in a process of its own.


def check(run: experiment.Run, folder: Path) -> None:
    for dataset in run.profile.data.roots:
        report = check_dataset(dataset, folder / dataset)
        if wrong := [finding.what for finding in report.findings if finding.severity == "error"]:
            raise RuntimeError(f"{dataset}: {wrong}")


def read_tables(run: experiment.Run, folder: Path) -> None:
    data = run.data()
    (folder / "images.json").write_text(json.dumps(len(data.target) + len(data.external)))


def pixels(run: experiment.Run, folder: Path) -> None:
    """Decode every image of both sets at the published size of the network's input, into the cache."""
    data = run.data()
    TablePixels(tables.concat(data.target, data.external), (288, 144), run.cache.files)


def published(run: experiment.Run) -> ReidTask:
    config = AgwConfig.published(run.profile.data.target, pretrained=None)
    return ReidTask(run.data().train_rows(), config, seed=0, cache=run.cache.files)


def batches(run: experiment.Run, folder: Path) -> None:
    """A thousand batches of the published sampler, twenty of them with their images."""
    task = published(run)
    for step in range(1000):
        task._batch_rows(step)
    for step in range(20):
        task.batch(step)


def training_step(run: experiment.Run, folder: Path) -> None:
    loop.train(published(run), steps=1, folder=folder / "one_step", seed=0, device="cpu")


def train(run: experiment.Run, folder: Path) -> None:
    for training_set, split in itertools.product(run.profile.reid.training_sets, run.splits):
        run.train(training_set, 0, split)


def features_and_ranking(run: experiment.Run, folder: Path) -> None:
    for training_set in run.profile.reid.training_sets:
        run.evaluate(training_set, 0)


def distances(run: experiment.Run, folder: Path) -> None:
    features, test = run.features("real", 0, plain=True)
    spread(features, test)
    cross_modality_distances(features, test)


def projection(run: experiment.Run, folder: Path) -> None:
    features, test = run.features("real", 0, plain=True)
    tsne(features[readable_sample(test, identities=20)])  # as many as a chapter shows


def retrieval(run: experiment.Run, folder: Path) -> None:
    features, test = run.features("real", 0)
    trial = run.protocol().trials(test)[0]
    ranked(features, trial, run.profile.evaluation.protocol, trial.query.index[0])


def chapter(number: str) -> Callable[[experiment.Run, Path], None]:
    def execute(run: experiment.Run, folder: Path) -> None:
        places = ["--workspace", str(folder / "workspace"), "--data-root", str(folder)]
        compared = ["-p", "compared=grayscale"] if number == "05" else []
        profile = str(folder / f"{run.profile.name}.yaml")
        if main_of_cli(["book", "--only", number, "--profile", profile, "--no-site", *places, *compared]):
            raise RuntimeError(f"chapter {number} failed")

    return execute


STAGES: dict[str, Callable[[experiment.Run, Path], None]] = {
    "data check": check,
    "tables": read_tables,
    "decoded images": pixels,
    "1,000 batches": batches,
    "one training step": training_step,
    "copies as a gallery": lambda run, folder: run.synthesize("grayscale"),
    "two small networks": train,
    "features, 10 trials": features_and_ranking,
    "IIRS, HIMD": distances,
    "t-SNE": projection,
    "one query's gallery": retrieval,
    "chapter 01": chapter("01"),
    "chapter 05": chapter("05"),
    "chapter 07": chapter("07"),
}


def measured(stage: str, name: str, folder: Path) -> tuple[float, float]:
    """Seconds of both cores' work together, and peak GB of the largest process, of a stage in a process of its own.
    Raises RuntimeError: it failed; with the end of what it said."""
    log = folder / f"{stage.replace(' ', '_')}.log"
    command = [sys.executable, __file__, "--folder", str(folder), "--profile", name, "--stage", stage]
    with open(log, "w") as said:
        child = subprocess.Popen(command, stdout=said, stderr=said)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"{name}, {stage}: {log.read_text()[-3000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2


def drawn(name: str, folder: Path, share: float) -> float:
    """Draw what is not there; the seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    profile, began = profile_of(name, folder), time.process_time()
    for dataset in yaml.safe_load(profile.read_text())["data"]["roots"]:
        if not (folder / dataset).exists():
            with written_aside(folder / dataset) as half:
                half.mkdir()
                TREES[dataset](half, share)
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--profile", action="append", choices=PROFILES)
    parser.add_argument("--share", type=float, nargs="+", default=[0.1, 1.0], help="of the identities")
    parser.add_argument("--stage", choices=list(STAGES), help=argparse.SUPPRESS)  # what a child is to do
    options = parser.parse_args()
    folder = options.folder.absolute()
    if options.stage:
        profile = str(folder / f"{options.profile[0]}.yaml")
        STAGES[options.stage](experiment.open(profile, workspace=folder / "workspace", data_root=folder), folder)
        return 0
    return int(sum(compared(name, options.share, folder) for name in options.profile or PROFILES))


def compared(name: str, shares: list[float], folder: Path) -> bool:
    """Measure all stages of a profile; print what each needs, and how it grows from the first share to the last.
    Whether one failed or needs too much."""
    rows, failed = [], False
    for share in shares:
        own = folder / f"{name}-{share:g}"
        print(f"{name}, {share:.0%}: drawn in {drawn(name, own, share):.0f} s", flush=True)
        for stage in STAGES:
            try:
                seconds, memory = measured(stage, name, own)
            except RuntimeError as error:
                failed = True
                print(f"  {error}", flush=True)
                continue
            print(f"  {stage:20} {seconds:7.1f} s  {memory:5.2f} GB", flush=True)
            rows.append((stage, share, seconds, memory))
        rows.append(("images", share, json.loads((own / "images.json").read_text()), 0.0))
    found = pd.DataFrame(rows, columns=["stage", "share", "s", "GB"])
    table = found.pivot(index="stage", columns="share").reindex(["images", *STAGES])
    for unit, what in (("s", "time"), ("GB", "memory")):
        table[f"{what} grows", ""] = table[unit].iloc[:, -1] / table[unit].iloc[:, 0]
    print(f"\n{name}\n{table.round(2).to_string()}\n", flush=True)
    return failed or bool((found["GB"] > LIMIT_GB).any())


if __name__ == "__main__":
    sys.exit(main())
