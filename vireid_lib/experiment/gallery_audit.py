"""The search for copies: galleries looked up among all training images, as a stage."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vireid_lib.analysis.privacy import Audit, audit_pixels
from vireid_lib.analysis.subsets import thin
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord, save_arrays

SIZE = (64, 32)
"""Height and width at which pixels are compared."""

MOST = 2000
"""Synthetic and real images that are looked up; larger sets are thinned evenly."""


class GalleryAudit(NamedTuple):
    """A gallery's nearest training images by 1 - SSIM of luminance; `gallery` and `training` are the rows that the
    numbers of `found` count."""

    record: StageRecord
    found: Audit
    gallery: pd.DataFrame
    training: pd.DataFrame


def training_images(run: Run) -> tuple[pd.DataFrame, np.ndarray]:
    """All images that a generator learned from or starts from, the target's training images and the external
    photographs, and which of them (bool) stand for real ones: at most `MOST` of the infrared, spread evenly."""
    data = run.data()
    rows = tables.concat(data.train_rows(), data.external)
    infrared, real = np.flatnonzero(rows["modality"] == "infrared"), np.zeros(len(rows), bool)
    real[infrared[np.unique(np.linspace(0, len(infrared) - 1, MOST).round().astype(int))]] = True
    return rows, real


def audit(run: Run, name: str) -> GalleryAudit:
    """Look up each image of gallery `name` among all training images.

    Real infrared training images are looked up too, each among the images of other people or other cameras, as a
    gallery's images are others than their generator's; the nearest 1 % of them set the threshold.
    """
    (training, real), gallery = training_images(run), thin(run.synthesize(name), MOST)

    def make(folder: Path) -> dict:
        shown = [load_images(rows["path"].tolist(), SIZE, cache=run.cache.files) for rows in (gallery, training)]
        found = audit_pixels(*map(np.asarray, shown), training, real)
        save_arrays(folder, nearest=found.nearest, distances=found.distances, real=found.real)
        return {"quantile": found.quantile}

    inputs = {"gallery": gallery, "training": training}
    record = run.stage("privacy_audit", {"gallery": name, "size": list(SIZE), "most": MOST}, inputs, make)
    found = Audit(**record.arrays(), quantile=record.values["quantile"], space="1 - SSIM")
    return GalleryAudit(record, found, gallery, training)
