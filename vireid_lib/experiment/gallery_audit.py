"""Galleries beside real images, as stages: copies of training images, Fréchet distance, brightness, colour."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vireid_lib.analysis.fidelity import brightness_histogram, colourfulness, frechet_distance, overlap
from vireid_lib.analysis.privacy import Audit, audit_pixels
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord, save_arrays
from vireid_lib.experiment.training_sets import plain_label
from vireid_lib.viz.pictures import thin

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
        shown = [load_images(rows["path"].tolist(), SIZE, cache=run.cache.files).pixels for rows in (gallery, training)]
        found = audit_pixels(*map(np.asarray, shown), training, real)
        save_arrays(folder, nearest=found.nearest, distances=found.distances, real=found.real)
        return {"quantile": found.quantile}

    inputs = {"gallery": gallery, "training": training}
    record = run.stage("privacy_audit", {"gallery": name, "size": list(SIZE), "most": MOST}, inputs, make)
    found = Audit(**record.arrays(), quantile=record.values["quantile"], space="1 - SSIM")
    return GalleryAudit(record, found, gallery, training)


class Fidelity(NamedTuple):
    """How near each gallery comes to real infrared images: a row for each; the share of pixels by brightness (a column
    per bin from 0 to 255); what the Fréchet distance compares."""

    table: pd.DataFrame
    histograms: pd.DataFrame
    extractor: str


def fidelity(run: Run) -> Fidelity:
    """Compare every gallery of the profile with the target's real infrared training images of the same cameras.

    All sets are thinned to the same number of images, for the distance depends on it. Two halves of the real images
    show the distance that chance alone gives; the visible images are far by construction.
    """
    config, pictures, seed = run.reid_config, run.generator_config("dive"), run.profile.reid.seeds[0]
    real, size = target_infrared(run), (pictures.height, pictures.width)
    groups = {
        "real infrared, one half": real.iloc[::2],
        "real infrared, other half": real.iloc[1::2],
        "external photographs (visible)": run.data().external,
    }
    galleries = [name for name in run.profile.reid.training_sets if name != "real"]
    groups |= {plain_label(name): run.synthesize(name) for name in galleries}
    count = min(map(len, groups.values()))
    groups = {name: thin(rows, count) for name, rows in groups.items()}

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, settings = run.network("real", seed)
        network.to(run.device)
        features, histograms, table = [], [], []
        for name, rows in groups.items():
            # All sets pass the infrared stream: the question is whether they could be taken for infrared.
            features.append(extract(network, rows.assign(modality="infrared"), settings, run.cache.files).numpy())
            shown = np.asarray(load_images(rows["path"].tolist(), size, cache=None).pixels)
            histograms.append(brightness_histogram(shown))
            own = {"images": name, "Fréchet distance": frechet_distance(features[0], features[-1])}
            own |= {"brightness overlap": overlap(histograms[0], histograms[-1])}
            table.append(own | {"colourfulness (0–255)": float(colourfulness(shown).mean()), "N": count})
        save_arrays(folder, histograms=np.stack(histograms))
        return {"table": table[1:]}

    inputs = {"evaluator": run.evaluate("real", seed)}
    inputs |= {f"images_{place}": rows for place, rows in enumerate(groups.values())}
    record = run.stage("fidelity", {"groups": list(groups), "size": list(size)}, inputs, make)
    histograms = pd.DataFrame(record.arrays()["histograms"], index=list(groups))
    extractor = f"{evaluator_words(run)}, infrared stream, images resized to {config.height} × {config.width}"
    return Fidelity(pd.DataFrame(record.values["table"]), histograms, extractor)


def target_infrared(run: Run) -> pd.DataFrame:
    """The target's infrared training images by the cameras that generators imitate."""
    rows = run.data().train_rows()
    return rows[(rows["modality"] == "infrared") & rows["camera"].isin(run.infrared_cameras)]


def evaluator_words(run: Run) -> str:
    """What the evaluator network is: the baseline, trained with the first seed."""
    reid = run.profile.reid
    about = f"{reid.method.upper()}, {reid.backbone} backbone, trained on {run.profile.data.target}"
    return f"{about} with seed {reid.seeds[0]}"
