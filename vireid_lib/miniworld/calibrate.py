"""Measures how hard the miniature world is: `python -m vireid_lib.miniworld.calibrate --out DIR`.

The small AGW network is trained without and with external people whose infrared is a greyscale copy, re-drawn
materials (the fair ceiling of any generator) or true (the upper bound). CALIBRATION.md keeps the result.
"""

import argparse
import itertools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.evaluation import SysuProtocol, evaluate
from vireid_lib.generators.grayscale import GrayscaleCopies
from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import INFRARED
from vireid_lib.miniworld.oracle import read_oracle
from vireid_lib.reid.features import extract
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import train_reid

ARMS = {
    "real": "baseline: real images only",
    "grayscale": "+ external, greyscale copies as infrared",
    "redrawn": "+ external, infrared with re-drawn materials (fair ceiling)",
    "true": "+ external, true infrared (upper bound)",
}

PROTOCOL = SysuProtocol(galleries=8)
"""The profile mini's: the test people as eight galleries."""

SETTABLE = ("train_ids", "val_ids", "test_ids", "images_per_camera", "test_images", "external_ids", "infrared_images")
"""Fields of `write.Size` that the command line sets."""


@dataclass(frozen=True)
class Result:
    """One training: its world, what it was trained on, its seed and its scores in per cent; `galleries` has the rank-1
    of each of them."""

    world: int
    arm: str
    seed: int
    rank1: float
    mean_ap: float
    galleries: tuple[float, ...]


def training_table(
    world: dict[str, Path], arm: str, identities: int | None, per_camera: int, folder: Path
) -> pd.DataFrame:
    """The rows of `arm`: mini_vi's train and val, and images of the first `identities` external people (None: all).

    Args:
        per_camera: infrared images of each external person and infrared camera.
        folder: gets the greyscale copies.
    """
    real = tables.training_rows(read_dataset("mini_vi", world["mini_vi"]))
    if arm == "real":
        return real
    market = read_dataset("mini_market", world["mini_market"])
    market = market[market["split"] == "train"].assign(split="external")
    names = sorted(market["identity"].unique())[:identities]
    external = market[market["identity"].isin(names)].reset_index(drop=True)
    if arm == "grayscale":
        copies = GrayscaleCopies()
        copies.fit(external, folder)
        infrared = copies.expand(names, list(INFRARED), per_camera, 0, folder)
    else:
        infrared = read_oracle(world["mini_truth"], arm)
        place = infrared.groupby(["identity", "camera"]).cumcount()
        infrared = infrared[infrared["identity"].isin(names) & (place < per_camera)]
    return tables.concat(real, external, infrared)


def measure(
    out: Path, world_seed: int, arm: str, seed: int, size: write.Size, identities: int | None, per_camera: int
) -> Result:
    """Train and test once (all-search, single-shot, eight galleries in ten draws each); a training that is complete in
    `out` is loaded."""
    root = out / f"world-{world_seed}"
    world = write.make(root, seed=world_seed, size=size)
    amount = f"{identities or 'all'}x{per_camera}"
    name = arm if arm == "real" else f"{arm}-{amount}"
    table = training_table(world, arm, identities, per_camera, root / f"grey-{amount}")
    config = AgwConfig.small()
    network = train_reid(
        table, config, root / f"{name}-{seed}", seed=seed, cache=root / "cache", checkpoint_every=300, device="cpu"
    )
    test = tables.test_rows(read_dataset("mini_vi", world["mini_vi"]))
    found = evaluate(extract(network, test, config, root / "cache"), test, PROTOCOL)
    galleries = tuple((100 * found.to_frame().groupby("part")["rank_1"].mean()).tolist())
    return Result(world_seed, arm, seed, 100 * found.scores.rank(1), 100 * found.scores.mean_ap, galleries)


def report(results: list[Result]) -> str:
    """A Markdown table for each world: mean ± standard deviation over the trainings, and the gain in rank-1 over the
    baseline, in points and in standard errors of the difference of two means. Below, how far galleries are apart."""
    worlds = sorted({result.world for result in results})
    return "\n".join(_of_world(world, [result for result in results if result.world == world]) for world in worlds)


def _of_world(world: int, results: list[Result]) -> str:
    found = pd.DataFrame([asdict(result) for result in results]).groupby("arm")[["rank1", "mean_ap"]]
    count, mean, spread = found.size(), found.mean(), found.std()
    lines = [
        f"World {world}:",
        "",
        "| training data | trainings | rank-1 (%) | mAP (%) | gain in rank-1 | gain / standard error |",
        "|---|---|---|---|---|---|",
    ]
    for arm in (arm for arm in ARMS if arm in count.index):
        cells = [ARMS[arm], str(count[arm])]
        for name in ("rank1", "mean_ap"):
            cells.append(f"{mean[name][arm]:.1f}" + (f" ± {spread[name][arm]:.1f}" if count[arm] > 1 else ""))
        gain = mean["rank1"][arm] - mean["rank1"]["real"] if arm != "real" and "real" in count.index else None
        cells.append("" if gain is None else f"{gain:+.1f}")
        known = gain is not None and min(count[arm], count["real"]) > 1
        error = known and sum(spread["rank1"][each] ** 2 / count[each] for each in (arm, "real")) ** 0.5
        cells.append(f"{gain / error:+.1f}" if known else "")
        lines.append("| " + " | ".join(cells) + " |")
    apart = [max(result.galleries) - min(result.galleries) for result in results]
    lines += [
        "",
        f"Between the galleries of one training rank-1 differs by {min(apart):.1f} to {max(apart):.1f} points.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run every arm on every world and seed, print the table and keep it in the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for worlds, trainings and the table")
    parser.add_argument("--worlds", type=int, nargs="+", default=[7, 101], help="seeds of the worlds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the trainings")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--identities", type=int, help="external people that take part (all)")
    parser.add_argument("--per-camera", type=int, default=4, help="infrared images per external person and camera")
    for name in SETTABLE:
        default = getattr(write.SIZES["mini"], name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"of the worlds ({default})")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums depend on the number of threads; one gives the same numbers everywhere
    size = replace(write.SIZES["mini"], **{name: getattr(options, name) for name in SETTABLE})
    results = []
    for world, seed, arm in itertools.product(options.worlds, options.seeds, options.arms):
        results.append(measure(options.out, world, arm, seed, size, options.identities, options.per_camera))
        print(f"world {world}, seed {seed}, {ARMS[arm]}: rank-1 {results[-1].rank1:.1f} %", flush=True)
        (options.out / "results.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
    (options.out / "table.md").write_text(report(results), encoding="utf-8")
    print(report(results))


if __name__ == "__main__":
    main()
