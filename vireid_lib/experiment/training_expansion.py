"""More images of the training identities themselves (Flow2Flow's TSE and CMG; see `training_sets.Expansion`): which a
generator is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from vireid_lib.data.cameras import camera_modalities
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment.training_sets import Expansion


def blends(real: pd.DataFrame, expansion: Expansion) -> Iterator[dict[str, Any]]:
    """TSE: as many images of every identity under each camera, what `Generator.expand` is asked for, by modality. The
    pairs that are blended are the same for every generator."""
    identities = sorted(real["identity"].unique())
    for modality in expansion.modalities:
        count, cameras = int((real["modality"] == modality).sum()), _cameras(real, modality)
        each = expansion.percent / 100 * count / (len(identities) * len(cameras))
        yield {"identities": identities, "cameras": cameras, "per_camera": max(1, round(each))}


def translations(real: pd.DataFrame, expansion: Expansion) -> Iterator[dict[str, Any]]:
    """CMG: each real image once in the other modality, under that modality's cameras in turn: rows and cameras."""
    for modality in expansion.modalities:
        yield {"rows": real[real["modality"] == OTHER[modality]], "cameras": _cameras(real, modality)}


def _cameras(rows: pd.DataFrame, modality: str) -> list[str]:
    return [name for name, records in camera_modalities(rows).items() if records == modality]
