"""The privacy audit of a gallery: has its generator learned training images by heart?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.analysis.privacy import Audit, audit_features, audit_pixels
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment import arrays
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz.pictures import Grid, pixels, short

SIZE = (64, 32)
"""Height and width at which pixels are compared."""

MOST = 2000
"""Synthetic and real images that are looked up; larger sets are thinned evenly."""


@dataclass(frozen=True, eq=False)
class GalleryAudit:
    """A gallery's nearest training images.

    Attributes:
        record: of the stage.
        audits: "pixels" and "features".
        gallery, training: the rows that the audits' numbers count.
        words: what each audit's distance is.
    """

    record: StageRecord
    audits: dict[str, Audit]
    gallery: pd.DataFrame
    training: pd.DataFrame
    words: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """One row per audit: how many images are flagged, and how many would be by chance."""
        return pd.DataFrame(
            [
                {
                    "compared by": self.words[key],
                    "flagged (%)": 100 * found.rate,
                    "expected (%)": 100 * found.quantile,
                    "threshold": found.threshold,
                    "smallest": found.distances.min(),
                    "median": float(np.median(found.distances)),
                    "median of real": float(np.median(found.real)),
                    "images": len(found.distances),
                    "real": len(found.real),
                    "training": len(self.training),
                }
                for key, found in self.audits.items()
            ]
        )

    def distances(self, key: str = "pixels") -> dict[str, np.ndarray]:
        """Distances to the nearest training image, of synthetic and of real images, for a histogram."""
        found = self.audits[key]
        return {"synthetic": found.distances, "real, to images of another recording": found.real}

    def closest(self, count: int = 6, key: str = "pixels") -> Grid:
        """The synthetic images nearest to a training image, above those training images."""
        found = self.audits[key]
        rows = found.closest(count)
        made, real = self.gallery.iloc[rows], self.training.iloc[found.nearest[rows]]
        labels = [
            f"{short(one)} → {'itself' if one == other else short(other)}\n{found.distances[row]:.2f}"
            + " !" * bool(found.flagged[row])
            for row, one, other in zip(rows, made["identity"], real["identity"], strict=True)
        ]
        sides = ["synthetic", "nearest real\ntraining image"]
        return Grid([list(pixels(made)), list(pixels(real))], sides, labels)

    @property
    def basis(self) -> str:
        """What the numbers were measured with."""
        counts = (
            f"N = {len(self.gallery)} synthetic, {len(self.audits['pixels'].real)} real and {len(self.training)} "
            "training images"
        )
        return "; ".join([*self.words.values(), counts])

    @property
    def sentence(self) -> str:
        """What the audit by pixels found, held against what real images do."""
        found = self.audits["pixels"]
        count, expected = int(found.flagged.sum()), found.quantile * len(found.distances)
        spread = (expected * (1 - found.quantile)) ** 0.5
        verdict = "no more than chance explains" if count <= expected + 2 * spread + 1 else "more than chance explains"
        return f"{found}. That is {count}, where {expected:.1f} would be expected of new real images: {verdict}."


def audit(run: Run, name: str = "dive") -> GalleryAudit:
    """Look up each image of a gallery among all images that its generator learned from or starts from.

    Those are the target's training images and the external photographs. Real infrared training images are looked up
    too, each among the images of other people or other cameras, as a gallery's images are others than their
    generator's; the nearest 1 % of them set the threshold.
    """
    data, seed = run.data(), run.profile.reid.seeds[0]
    training = tables.concat(data.train_rows(), data.external)
    gallery = thin(run.synthesize(name), MOST)
    real = np.zeros(len(training), bool)
    infrared = np.flatnonzero(training["modality"] == "infrared")
    real[infrared[np.unique(np.linspace(0, len(infrared) - 1, MOST).round().astype(int))]] = True
    identities, cameras = training["identity"].tolist(), training["camera"].tolist()

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, config = run.network("real", seed)
        network.to(run.device)
        cache = run.cache.files
        shown = [
            np.asarray(load_images(rows["path"].tolist(), SIZE, cache=cache).pixels) for rows in (gallery, training)
        ]
        known = [extract(network, rows, config, cache) for rows in (gallery, training)]
        found = {
            "pixels": audit_pixels(*shown, identities, cameras, real),
            "features": audit_features(*known, identities, cameras, real),
        }
        arrays.save(
            folder,
            **{
                f"{key} {part}": getattr(each, part)
                for key, each in found.items()
                for part in ("nearest", "distances", "real")
            },
        )
        return {
            "rates": {key: each.rate for key, each in found.items()},
            "quantile": found["pixels"].quantile,
            "N": len(gallery),
        }

    record = _stage(run, name, gallery, training, seed, make)
    held, method = arrays.load(record), run.profile.reid.method.upper()
    spaces = {"pixels": "1 - SSIM", "features": "cosine distance"}
    words = {
        "pixels": f"pixels: 1 − SSIM, {SIZE[0]} × {SIZE[1]}",
        "features": f"features: cosine ({method}, seed {seed})",
    }
    audits = {
        key: Audit(
            *(held[f"{key} {part}"] for part in ("nearest", "distances", "real")), record.values["quantile"], space
        )
        for key, space in spaces.items()
    }
    return GalleryAudit(record, audits, gallery, training, words)


def summary(audits: Mapping[str, GalleryAudit]) -> pd.DataFrame:
    """Several galleries' audits below each other, for a page."""
    rows = []
    for name, found in audits.items():
        for key, (_, row) in zip(found.audits, found.table.iterrows(), strict=True):
            rows.append(
                {
                    "gallery": training_label(name).removeprefix("+ "),
                    "compared by": key,
                    **{column: f"{row[column]:.1f}" for column in ("flagged (%)", "expected (%)")},
                    **{
                        column: f"{row[column]:.3f}" for column in ("threshold", "smallest", "median", "median of real")
                    },
                }
            )
    return pd.DataFrame(rows)


def _stage(run: Run, name: str, gallery: pd.DataFrame, training: pd.DataFrame, seed: int, make) -> StageRecord:
    inputs = {"gallery": gallery, "training": training, "judge": run.evaluate("real", seed)}
    return run.stage("privacy_audit", {"gallery": name, "size": list(SIZE), "most": MOST}, inputs, make)


def thin(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, spread evenly over people, cameras and files."""
    ordered = table.sort_values(["identity", "camera", "path"])
    if len(ordered) > count:
        ordered = ordered.iloc[np.linspace(0, len(ordered) - 1, count).round().astype(int)]
    return ordered.reset_index(drop=True)
