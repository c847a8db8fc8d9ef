"""Each real-data profile at the size of the real data, without the real images: time and peak memory of all that needs
no GPU, each stage in a process of its own, and how both grow from a tenth of the identities to all of them.

Run: `python tests/benchmarks/full_size.py --folder DIR` (`--profile sysu`, `--share 0.1 1`). It needs some 3 GB of
disk for each profile. What it draws stays in DIR and is not drawn again. It exits with 1 if a stage fails or needs more
than 6 GB. Ranking must grow with queries × gallery, and what looks at pairs of images (IIRS, HIMD, copies) with their
square; nothing else may grow faster than the images do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from full_size_trees import TREES

from vireid_lib import experiment
from vireid_lib.project import project_root

LIMIT_GB = 6.0
PROFILES = ("sysu", "llcm", "regdb")
STEPS = 20
"""Of the small network whose features are ranked: its quality does not matter here, its size does."""


def profile_of(name: str, folder: Path) -> Path:
    """The profile with a small network that is trained for a few steps, on real images and beside greyscale copies."""
    values = yaml.safe_load((project_root() / "notebooks" / "profiles" / f"{name}.yaml").read_text())
    values["reid"] |= {
        "backbone": "small",
        "seeds": [0],
        "training_sets": ["real", "grayscale"],
        "config": {"steps": STEPS},
    }
    values["images"] = {"height": 64, "width": 32}
    values["data"]["roots"] = {each: each for each in values["data"]["roots"]}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def opened(name: str, folder: Path) -> experiment.Run:
    return experiment.open(str(folder / f"{name}.yaml"), workspace=folder / "workspace", data_root=folder)


def check(name: str, folder: Path) -> None:
    from vireid_lib.data.check import check_dataset

    for dataset in opened(name, folder).profile.data.roots:
        report = check_dataset(dataset, folder / dataset)
        if wrong := [finding.what for finding in report.findings if finding.severity == "error"]:
            raise RuntimeError(f"{dataset}: {wrong}")


def read_tables(name: str, folder: Path) -> None:
    data = opened(name, folder).data()
    (folder / "images.json").write_text(json.dumps(len(data.target) + len(data.external)))


def pixels(name: str, folder: Path) -> None:
    """Decode every image of both sets at the published size of the network's input, into the cache."""
    from vireid_lib.data import tables
    from vireid_lib.reid.pixels import TablePixels

    run = opened(name, folder)
    data = run.data()
    TablePixels(tables.concat(data.target, data.external), (288, 144), run.cache.files)


def batches(name: str, folder: Path) -> None:
    """A thousand batches of the published sampler, with their images."""
    task = published_task(name, folder)
    for step in range(1000):
        task._batch_rows(step)
    for step in range(20):
        task.batch(step)


def published_task(name: str, folder: Path):
    from vireid_lib.reid.methods.agw import AgwConfig
    from vireid_lib.reid.train import ReidTask

    run = opened(name, folder)
    config = AgwConfig.published(run.profile.data.target, pretrained=None)
    return ReidTask(run.data().train_rows(), config, seed=0, cache=run.cache.files)


def training_step(name: str, folder: Path) -> None:
    """One step of the published AGW: ResNet-50, its batch, its input size."""
    from vireid_lib.training import loop

    loop.train(published_task(name, folder), steps=1, folder=folder / "one_step", seed=0, device="cpu", progress=False)


def grey_gallery(name: str, folder: Path) -> None:
    opened(name, folder).synthesize("grayscale")


def train(name: str, folder: Path) -> None:
    run = opened(name, folder)
    for training_set in run.profile.reid.training_sets:
        for split in run.splits:
            run.train(training_set, 0, split, progress=False)


def features_and_ranking(name: str, folder: Path) -> None:
    run = opened(name, folder)
    for training_set in run.profile.reid.training_sets:
        run.evaluate(training_set, 0, progress=False)


def distances(name: str, folder: Path) -> None:
    """IIRS, HIMD and the other distances between images."""
    from vireid_lib.analysis.embedding_spread import cross_modality_distances, spread

    features, test = opened(name, folder).features("real", 0, plain=True)
    spread(features, test)
    cross_modality_distances(features, test)


def projection(name: str, folder: Path) -> None:
    """t-SNE of as many test images as a chapter shows."""
    from vireid_lib.analysis.projection import readable_sample, tsne

    features, test = opened(name, folder).features("real", 0, plain=True)
    tsne(features[readable_sample(test, identities=20)])


def retrieval(name: str, folder: Path) -> None:
    """The ranked gallery of one query."""
    from vireid_lib.analysis.retrieval import ranked

    run = opened(name, folder)
    features, test = run.features("real", 0)
    trial = run.protocol().trials(test)[0]
    ranked(features, trial, run.profile.evaluation.protocol, trial.query.index[0])


def chapter(number: str) -> Callable[[str, Path], None]:
    def run(name: str, folder: Path) -> None:
        from vireid_lib.cli import main

        places = ["--workspace", str(folder / "workspace"), "--data-root", str(folder)]
        compared = ["-p", "compared=grayscale"] if number == "05" else []
        if main(["book", "--only", number, "--profile", str(folder / f"{name}.yaml"), "--no-site", *places, *compared]):
            raise RuntimeError(f"chapter {number} failed")

    return run


STAGES: dict[str, Callable[[str, Path], None]] = {
    "data check": check,
    "tables": read_tables,
    "decoded images": pixels,
    "1,000 batches": batches,
    "one training step": training_step,
    "copies as a gallery": grey_gallery,
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

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    log = folder / f"{stage.replace(' ', '_')}.log"
    if (child := os.fork()) == 0:
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        command = [sys.executable, __file__, "--folder", str(folder), "--profile", name, "--stage", stage]
        os.execv(sys.executable, command)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{name}, {stage}: {log.read_text()[-3000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024**2


def drawn(name: str, folder: Path, share: float) -> float:
    """Draw what is not there; the seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    profile, began = profile_of(name, folder), time.process_time()
    for dataset in yaml.safe_load(profile.read_text())["data"]["roots"]:
        if not (folder / dataset).exists():
            half = folder / f"{dataset}.partial"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            TREES[dataset](half, share)
            half.rename(folder / dataset)
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
        STAGES[options.stage](options.profile[0], folder)
        return 0
    failed = False
    for name in options.profile or PROFILES:
        found: dict[float, dict[str, tuple[float, float]]] = {}
        images: dict[float, int] = {}
        for share in options.share:
            own = folder / f"{name}-{share:g}"
            print(f"{name}, {share:.0%}: drawn in {drawn(name, own, share):.0f} s", flush=True)
            found[share] = {}
            for stage in STAGES:
                try:
                    found[share][stage] = measured(stage, name, own)
                    print(f"  {stage:20} {found[share][stage][0]:7.1f} s  {found[share][stage][1]:5.2f} GB", flush=True)
                except RuntimeError as error:
                    failed = True
                    print(f"  {error}", flush=True)
            images[share] = json.loads((own / "images.json").read_text())
        failed |= report(name, found, images)
    return int(failed)


def report(name: str, found: dict[float, dict[str, tuple[float, float]]], images: dict[float, int]) -> bool:
    """Print the table of a profile; whether a stage needs too much."""
    small, full = min(found), max(found)
    print(f"\n| {name} | {' | '.join(f'{images[share]:,} images' for share in found)} | time grows | memory grows |")
    print("|---|" + "---|" * (len(found) + 2))
    for stage in STAGES:
        each = [found[share].get(stage) for share in found]
        cells = ["failed" if one is None else f"{one[0]:.1f} s, {one[1]:.2f} GB" for one in each]
        growth = ["", ""]
        if found[small].get(stage) and found[full].get(stage) and full > small:
            growth = [f"{b / max(a, 1e-3):.1f}×" for a, b in zip(found[small][stage], found[full][stage], strict=True)]
        print(f"| {stage} | {' | '.join(cells)} | {' | '.join(growth)} |")
    print(f"\nThe images grow {images[full] / images[small]:.1f}×.\n", flush=True)
    return any(memory > LIMIT_GB for of_share in found.values() for _, memory in of_share.values())


if __name__ == "__main__":
    sys.exit(main())
