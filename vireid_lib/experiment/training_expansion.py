"""More images of the training identities themselves, by generators: within a modality, or shown in the other
(Flow2Flow's TSE and CMG; see `training_sets.Expansion`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.cameras import camera_modalities
from vireid_lib.experiment.steps import synthesize
from vireid_lib.experiment.training_sets import Expansion, expansion_of
from vireid_lib.generators.plans import OTHER

if TYPE_CHECKING:
    from vireid_lib.experiment.pipeline import Run


def images(run: Run, name: str, split: int = 1) -> pd.DataFrame:
    """The images that training set `name` adds to the real ones. Their sources are not "real"."""
    expansion = expansion_of(name)
    make = {"tse": _blended, "cmg": _translated}
    return tables.concat(*(rows for kind in expansion.kinds for rows in make[kind](run, expansion, split)))


def _blended(run: Run, expansion: Expansion, split: int) -> Iterator[pd.DataFrame]:
    """TSE: as many images of everybody under each camera, from pairs that are the same for every generator."""
    real, name = run.data(split).train_rows(), expansion.generator
    identities, config = sorted(real["identity"].unique()), run.generator_config(name)
    if "expansion" in type(config).model_fields:
        config = config.model_copy(update={"expansion": "interpolate"})
    fitted = run.fit(name, split, external=False)
    for modality in expansion.modalities:
        count, cameras = int((real["modality"] == modality).sum()), _cameras(real, modality)
        asked = {
            "identities": identities,
            "cameras": cameras,
            "per_camera": max(1, round(expansion.percent / 100 * count / (len(identities) * len(cameras)))),
        }
        record = run.expand(f"expansion_{name}", name, config, fitted, asked, real)
        yield synthesize.load_gallery(record.folder, record.values["images"])


def _translated(run: Run, expansion: Expansion, split: int) -> Iterator[pd.DataFrame]:
    """CMG: each real image once in the other modality, under that modality's cameras in turn."""
    real, name = run.data(split).train_rows(), expansion.generator
    config, fitted = run.generator_config(name), run.fit(name, split, external=False)
    for modality in expansion.modalities:
        rows, cameras = real[real["modality"] == OTHER[modality]], _cameras(real, modality)
        record = run.stage(
            f"translation_{name}",
            {**config.sampling_settings(), "cameras": cameras, "seed": config.seed},
            {"fitted": fitted, "real": rows},
            partial(
                synthesize.translate,
                name=name,
                config=config,
                fitted=fitted.folder,
                rows=rows,
                cameras=cameras,
                machine=run.machine(),
            ),
            code=[generators.generator_class(name)],
            seeds=[config.seed],
        )
        yield synthesize.load_gallery(record.folder, record.values["images"])


def _cameras(rows: pd.DataFrame, modality: str) -> list[str]:
    return [name for name, records in camera_modalities(rows).items() if records == modality]
