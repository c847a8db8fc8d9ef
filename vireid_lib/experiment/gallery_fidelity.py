"""How near galleries come to the target's real infrared images: Fréchet distance, brightness, colour, as a stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.analysis.fidelity import brightness_histogram, colourfulness, frechet_distance, overlap
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import save_arrays
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz.pictures import pixels


@dataclass(frozen=True, eq=False)
class Fidelity:
    """How near each gallery comes to real infrared images.

    Attributes:
        table: columns images, Fréchet distance, brightness overlap, colourfulness, N.
        histograms: share of pixels by brightness; a row per set of images, a column per bin from 0 to 255.
        extractor: what the Fréchet distance compares.
    """

    table: pd.DataFrame
    histograms: pd.DataFrame
    extractor: str


def fidelity(run: Run) -> Fidelity:
    """Compare every gallery of the profile with the target's real infrared training images of the same cameras.

    All sets are thinned to the same number of images, for the distance depends on it. Two halves of the real images
    show the distance that chance alone gives; the visible images are far by construction.
    """
    data, cameras = run.data(), run.infrared_cameras
    learn = data.train_rows().query("modality == 'infrared'")
    real = learn[learn["camera"].isin(cameras)]
    groups = {
        "real infrared, one half": real.iloc[::2],
        "real infrared, other half": real.iloc[1::2],
        "external photographs (visible)": data.external,
    }
    for name in run.profile.reid.training_sets:
        if name != "real":
            groups[training_label(name).removeprefix("+ ")] = run.synthesize(name)
    count = min(len(rows) for rows in groups.values())
    groups = {name: thin(rows, count) for name, rows in groups.items()}
    seed, config = run.profile.reid.seeds[0], run.generator_config("dive")

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, settings = run.network("real", seed)
        network.to(run.device)
        # All sets pass the infrared stream: the question is whether they could be taken for infrared.
        found = {
            name: extract(network, rows.assign(modality="infrared"), settings, run.cache.files).numpy()
            for name, rows in groups.items()
        }
        shown = {name: pixels(rows, (config.height, config.width)) for name, rows in groups.items()}
        histograms = np.stack([brightness_histogram(part) for part in shown.values()])
        save_arrays(folder, histograms=histograms)
        table = pd.DataFrame(
            {
                "images": list(groups),
                "Fréchet distance": [frechet_distance(found["real infrared, one half"], own) for own in found.values()],
                "brightness overlap": [overlap(histograms[0], row) for row in histograms],
                "colourfulness (0–255)": [float(colourfulness(part).mean()) for part in shown.values()],
            }
        )
        return {"table": table.iloc[1:].to_dict("records")}

    method = run.reid_config
    extractor = (
        f"{run.profile.reid.method.upper()}, {run.profile.reid.backbone} backbone, trained on "
        f"{run.profile.data.target} with seed {seed}, infrared stream, images resized to "
        f"{method.height} × {method.width}"
    )
    inputs = {"evaluator": run.evaluate("real", seed)}
    inputs |= {f"images_{place}": rows for place, rows in enumerate(groups.values())}
    about = {"groups": list(groups), "images": count, "size": [config.height, config.width]}
    record = run.stage("fidelity", about, inputs, make)
    histograms = pd.DataFrame(record.arrays()["histograms"], index=list(groups))
    return Fidelity(pd.DataFrame(record.values["table"]).assign(N=count), histograms, extractor)


def thin(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, spread evenly over people, cameras and files."""
    return table.iloc[evenly(table, count)].reset_index(drop=True)


def evenly(table: pd.DataFrame, count: int) -> np.ndarray:
    """Positions of the rows of `thin`."""
    order = table.reset_index(drop=True).sort_values(["identity", "camera", "path"]).index.to_numpy()
    return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
