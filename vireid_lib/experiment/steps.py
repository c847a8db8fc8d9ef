"""What the stages of a run do, as plain functions of tables, settings and folders: fit, expand, train, evaluate.

Each is called with the folder to work in and returns the values to record. A folder in which an earlier call was killed
holds its checkpoints, and the step continues from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import safetensors.torch

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.cameras import camera_in_table
from vireid_lib.data.images import load_images
from vireid_lib.evaluation.evaluator import DISTANCES, Evaluation, combine
from vireid_lib.evaluation.evaluator import evaluate as rank
from vireid_lib.evaluation.protocols import EvaluationProtocol
from vireid_lib.experiment import methods
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.generators import galleries, layout
from vireid_lib.generators.plans import OTHER, Planned, tries
from vireid_lib.training import determinism

if TYPE_CHECKING:
    from vireid_lib.generators.config import GeneratorConfig
    from vireid_lib.reid.config import ReidConfig

FITTED = "fitted"
"""Folder, inside a fitting's, of the fitted generator."""

TABLE = "table.csv"


@dataclass(frozen=True)
class Machine:
    """What a step computes on: no result depends on it, but for rounding."""

    device: str
    cache: Path
    progress: bool = True


def fit(
    folder: Path, *, name: str, config: GeneratorConfig, table: pd.DataFrame, machine: Machine, threads: int = 2
) -> dict[str, Any]:
    """Fit generator `name` to `table`."""
    maker = generators.build(name, config, cache=machine.cache, device=machine.device, progress=machine.progress)
    with determinism.threads(threads, machine.device == "cpu"):
        maker.fit(table, folder / FITTED)
    about = {"identities": table["identity"].nunique(), "cameras": sorted(table["camera"].unique())}
    return {**about, **maker.summary(), "images": len(table)}


def expand(
    folder: Path,
    *,
    name: str,
    config: GeneratorConfig,
    fitted: Path,
    identities: Sequence[str],
    cameras: Sequence[str],
    per_camera: int,
    source: pd.DataFrame,
    machine: Machine,
) -> dict[str, Any]:
    """Make a gallery: `per_camera` images of each identity under each camera, by a fitted generator."""
    maker = generators.load(name, fitted / FITTED, config, cache=machine.cache, device=machine.device)
    made = maker.expand(identities, cameras, per_camera, config.seed, folder, source=source)
    return {**galleries.sizes(made), "identities": len(identities), "cameras": list(cameras)}


def translate(
    folder: Path,
    *,
    name: str,
    config: GeneratorConfig,
    fitted: Path,
    rows: pd.DataFrame,
    cameras: Sequence[str],
    machine: Machine,
) -> dict[str, Any]:
    """Show each image of `rows` once in the other modality, under `cameras` in turn, by a fitted translator."""
    maker = generators.load(name, fitted / FITTED, config, cache=machine.cache, device=machine.device)

    def pictures(items: Sequence[Planned], attempt: int) -> galleries.Pictures:
        shown = load_images([item.starts[0] for item in items], (config.height, config.width), cache=None).pixels
        return maker.pictures([np.asarray(shown)], items)

    made = galleries.write(
        one_each(rows, cameras, config.seed, folder),
        pictures,
        folder,
        source=maker.name,
        settings={"seed": config.seed},
        batch=config.sampling_batch,
    )
    return galleries.sizes(made)


def one_each(rows: pd.DataFrame, cameras: Sequence[str], seed: int, folder: Path) -> list[Planned]:
    """A picture of each image of `rows` in the other modality; the images of an identity go to the cameras in turn."""
    planned = []
    for identity, of_it in rows.sort_values("path").groupby("identity", sort=True):
        for place, row in enumerate(of_it.to_dict("records")):
            camera, number = cameras[place % len(cameras)], place // len(cameras)
            path = layout.image_path(folder, identity, camera, number + 1)
            planned.append(
                Planned(
                    identity,
                    camera_in_table(camera),
                    path,
                    tries(seed, identity, camera, number),
                    (row["path"],),
                    row["modality"],
                    OTHER[row["modality"]],
                    row["split"],
                )
            )
    return planned


def train(
    folder: Path, *, config: ReidConfig, table: pd.DataFrame, seed: int, start: Path | None, machine: Machine
) -> dict[str, Any]:
    """Train a ReID method on `table`; on a CPU with one thread, for trainings share the cores."""
    with determinism.threads(1, machine.device == "cpu"):
        methods.train(
            table,
            config,
            folder,
            start=None if start is None else start / FITTED,
            seed=seed,
            cache=machine.cache,
            device=machine.device,
            progress=machine.progress,
        )
    return given(folder)


def given(folder: Path) -> dict[str, int]:
    """What a finished training was given, as its trainer recorded."""
    from vireid_lib.data.text import read_json
    from vireid_lib.reid.train import RECORD

    record = read_json(folder / RECORD)
    return {
        "steps": record["steps"],
        "images_in_a_batch": record["images_seen"] // record["steps"],
        "images_seen": record["images_seen"],
    }


def evaluate(
    folder: Path,
    *,
    trained: Mapping[int, StageRecord],
    ranked: Mapping[int, pd.DataFrame],
    identities: Mapping[int, set[str]],
    protocols: Mapping[int, Mapping[str, EvaluationProtocol]],
    machine: Machine,
) -> dict[str, Any]:
    """Test features and scores of trained networks.

    Writes `features_<split>.safetensors`: "features" as the method is tested, and "plain", of the images as they are,
    on which distances between images are measured. (Some methods are tested with features averaged over an image and
    its mirror image. Such an average lies nearer to the others of its identity, so that distances of the two kinds do
    not compare.)

    Args:
        trained: the training of each of the data set's splits.
        ranked: the images that its protocol ranks.
        identities: on whom it was trained; a protocol refuses to rank these.
        protocols: by mode.
    """
    from vireid_lib.reid.features import extract

    found: dict[str, list[Evaluation]] = {}
    for split, record in trained.items():
        network, config = methods.load(record.folder)
        plain = config.model_copy(update={"flip_at_test": False})
        with determinism.threads(1, machine.device == "cpu"):
            network.to(machine.device)
            features = extract(network, ranked[split], config, machine.cache)
            both = {"features": features, "plain": features}
            if config.flip_at_test:
                both["plain"] = extract(network, ranked[split], plain, machine.cache)
        safetensors.torch.save_file({name: each.clone() for name, each in both.items()}, folder / features_file(split))
        for mode, protocol in protocols[split].items():
            distance = DISTANCES[config.similarity]
            result = rank(features, ranked[split], protocol, distance=distance, trained_identities=identities[split])
            found.setdefault(mode, []).append(result)
    about = {
        str(split): {
            "stage": f"{record.name}/{record.key}",
            "minutes": record.result["wall_seconds"] / 60,
            **record.values,
        }
        for split, record in trained.items()
    }
    return {"evaluations": {mode: combine(parts).to_dict() for mode, parts in found.items()}, "trainings": about}


def features_file(split: int) -> str:
    """Where `evaluate` leaves the features of a split."""
    return f"features_{split}.safetensors"


def load_gallery(folder: Path, images: int) -> pd.DataFrame:
    """The table of a gallery.

    Raises:
        TableError: it has not the `images` rows that were written.
    """
    rows = tables.load(folder / TABLE)
    if len(rows) != images:
        raise tables.TableError(
            f"{folder / TABLE} has {len(rows)} rows, and {images} were written: restore it, or delete its folder to "
            "make the images again."
        )
    return rows
