"""Fit a generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vireid_lib import generators
from vireid_lib.experiment.steps import FITTED
from vireid_lib.training import determinism

if TYPE_CHECKING:
    from vireid_lib.generators.base.config import GeneratorConfig


def fit(
    folder: Path, *, name: str, config: GeneratorConfig, table: pd.DataFrame, device: str, cache: Path, threads: int = 2
) -> dict[str, Any]:
    maker = generators.build(name, config, cache=cache, device=device)
    with determinism.threads(threads, device == "cpu"):
        maker.fit(table, folder / FITTED)
    about = {"identities": table["identity"].nunique(), "cameras": sorted(table["camera"].unique())}
    return {**about, **maker.summary(), "images": len(table)}
