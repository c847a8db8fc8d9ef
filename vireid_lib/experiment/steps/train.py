"""Train a ReID method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vireid_lib.data.text import read_json
from vireid_lib.experiment import methods
from vireid_lib.experiment.steps import FITTED, Machine
from vireid_lib.training import determinism

if TYPE_CHECKING:
    from vireid_lib.reid.config import ReidConfig


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
    from vireid_lib.reid.train import RECORD

    record = read_json(folder / RECORD)
    return {
        "steps": record["steps"],
        "images_in_a_batch": record["images_seen"] // record["steps"],
        "images_seen": record["images_seen"],
    }
