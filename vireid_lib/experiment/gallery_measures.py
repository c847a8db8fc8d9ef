"""Every measure of a gallery, as a stage, and a table of several: identity, fidelity, modality, diversity, copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from vireid_lib.analysis.embedding_spread import diversity
from vireid_lib.analysis.fidelity import NEIGHBOURS, Measure, frechet, manifold
from vireid_lib.analysis.identity_preservation import identify, identity_distance
from vireid_lib.analysis.modality_classifier import ModalityClassifier, ModalityNetwork, train_classifier
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.gallery_audit import SIZE, audit
from vireid_lib.experiment.gallery_fidelity import evenly, thin
from vireid_lib.experiment.gallery_translation import translation_ssim
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.training import weights

MOST = 4000
"""Real images of each modality that the modality classifiers learn from."""

KINDS = {"colour": False, "luminance": True}
"""What the modality classifiers see, and whether that is grey."""

PERCENT = {
    "right person (photographs)": "right person: photographs (%)",
    "right person (true infrared)": "right person: true infrared (%)",
    "infrared (colour)": "taken for infrared: in colour (%)",
    "infrared (luminance)": "taken for infrared: luminance (%)",
    "variety": "variety (% of real)",
    "flagged copies": "flagged as copies (%)",
}
PLAIN = {"distance to photographs": "MD to photographs", "distance to true infrared": "MD to true infrared"}
COLUMNS = [
    "right person (photographs)",
    "right person (true infrared)",
    "distance to photographs",
    "distance to true infrared",
    "Fréchet distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "SSIM on the person",
    "infrared (colour)",
    "infrared (luminance)",
    "variety",
    "flagged copies",
]
"""The measures of `measures`, in the order of `compare`'s table; `PERCENT` and `PLAIN` say what they are called there.
"""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Galleries measured alike.

    Attributes:
        table: a row per gallery, in the order asked for; the first column names it, the others are `COLUMNS` as far as
            any gallery has them; NaN where a measure does not apply. Shares are percent.
        basis: for each column its N, extractor and resize rule, in words.
    """

    table: pd.DataFrame
    basis: dict[str, str]


def compare(run: Run, names: Sequence[str]) -> Comparison:
    """Measure galleries by all of `measures`: one table for any list of generators. Each gallery is fitted, made and
    measured once (stages), in the order of the names.

    Args:
        names: training sets as profiles name them; "real" is left out.

    Raises:
        ValueError: no name, or one that makes no gallery.
    """
    names = [name for name in names if name != "real"]
    if not names:
        raise ValueError('compare: give at least one gallery to measure, e.g. "grayscale".')
    found = {training_label(name).removeprefix("+ "): measures(run, name) for name in names}
    columns = {key: (PERCENT | PLAIN).get(key, key) for key in COLUMNS if any(key in each for each in found.values())}
    rows = [
        {"infrared images": words}
        | {
            label: (100 if key in PERCENT else 1) * each[key].value if key in each else float("nan")
            for key, label in columns.items()
        }
        for words, each in found.items()
    ]
    basis = {label: next(each[key].basis for each in found.values() if key in each) for key, label in columns.items()}
    return Comparison(pd.DataFrame(rows), basis)


def measures(run: Run, name: str) -> dict[str, Measure]:
    """Every measure of gallery `name`, each with its N, extractor and resize rule; made once.

    The evaluator network is the baseline (first seed), which has met neither these people nor synthetic images.

    Returns:
        of `COLUMNS` what applies. Shares are 0..1.
    """
    gallery, external, seed = run.synthesize(name), run.data().external, run.profile.reid.seeds[0]
    real, real_words = reference(run)
    (learned, classifiers), copied = modality_classifiers(run), audit(run, name)
    translated = translation_ssim(run, name)

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, config = run.network("real", seed)
        network.to(run.device)
        made, seen, held = (extract(network, rows, config, run.cache.files) for rows in (gallery, external, real))
        extractor = (
            f"{run.profile.reid.method.upper()}, {run.profile.reid.backbone} backbone, trained on "
            f"{run.profile.data.target}, seed {seed}"
        )
        about = {"extractor": extractor, "resize": f"{config.height}x{config.width}, bilinear"}
        found = _of_people(made, gallery, seen, external, about, "photographs")
        if not set(gallery["path"]) & set(real["path"]):  # a set is no measure of itself
            if run.miniature:
                found |= _of_people(made, gallery, held, real, about, "true infrared")
            found |= _to_reference(made, gallery, held, real, about, real_words)
        shown = np.asarray(load_images(gallery["path"].tolist(), SIZE, cache=run.cache.files).pixels)
        size = f"{SIZE[0]}x{SIZE[1]}, bilinear"
        for sight, each in classifiers.items():
            key, share = f"infrared ({sight})", float(each.infrared(shown).mean())
            found[key] = Measure(key, share, str(each), size, (len(gallery),))
        images, note = (len(copied.gallery), len(copied.training)), f"{copied.found.quantile:.0%} of real are flagged"
        found["flagged copies"] = Measure("flagged copies", copied.found.rate, "pixels: 1 − SSIM", size, images, note)
        if translated is not None:
            found["SSIM on the person"] = translated
        return {"measures": {key: vars(each) for key, each in found.items()}}

    inputs = {
        "evaluator": run.evaluate("real", seed),
        "gallery": gallery,
        "external": external,
        "reference": real,
        "modality_classifiers": learned,
        "audit": copied.record,
    }
    settings = {"gallery": name, "translated": None if translated is None else vars(translated)}
    found = run.stage("gallery_measures", settings, inputs, make, seeds=[seed]).values["measures"]
    return {key: Measure(**{**each, "images": tuple(each["images"])}) for key, each in found.items()}


def reference(run: Run) -> tuple[pd.DataFrame, str]:
    """The real infrared images that galleries are compared with, and what they are in words.

    In the miniature world they show the very people of the galleries, in pictures that no gallery and no training set
    holds; elsewhere nobody has such pictures, and the target's infrared training images stand in, of other people.
    """
    cameras = run.infrared_cameras
    if not run.miniature:
        infrared = run.data().train_rows().query("modality == 'infrared'")
        rows = infrared[infrared["camera"].isin(cameras)]
        return rows.reset_index(drop=True), "the target's infrared training images"
    rows = run.data().oracle()
    rows = rows[rows["camera"].isin(cameras)]
    later = rows.groupby(["identity", "camera"]).cumcount() >= run.profile.expand.per_camera
    return rows[later if later.any() else ~later].reset_index(drop=True), "true infrared images of the same people"


def modality_classifiers(run: Run) -> tuple[StageRecord, dict[str, ModalityClassifier]]:
    """Networks that have learned visible from infrared on the target's training images and the external photographs;
    one sees colour, the other only luminance."""
    data = run.data()
    rows = tables.concat(data.train_rows(), data.external)
    rows = tables.concat(*(thin(rows[rows["modality"] == each], MOST) for each in ("visible", "infrared")))

    def make(folder: Path) -> dict:
        pixels = np.asarray(load_images(rows["path"].tolist(), SIZE, cache=run.cache.files).pixels)
        about = {}
        for name, grey in KINDS.items():
            made = train_classifier(pixels, (rows["modality"] == "infrared").to_numpy(), rows["identity"], grey=grey)
            safetensors.torch.save_file(made.network.state_dict(), folder / f"{name}.safetensors")
            about[name] = {"accuracy": made.accuracy, "held_out": made.held_out}
        return about

    record = run.stage("modality_classifiers", {"size": list(SIZE)}, {"images": rows}, make, seeds=[0])
    found = {}
    for name, grey in KINDS.items():
        network = ModalityNetwork(1 if grey else 3)
        network.load_state_dict(weights.read_file(record.folder / f"{name}.safetensors"))
        found[name] = ModalityClassifier(network.eval(), grey, **record.values[name])
    return record, found


def _of_people(
    made: torch.Tensor, gallery: pd.DataFrame, others: torch.Tensor, rows: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """Whether other images of the same person are the nearest, and how far they are."""
    images = (len(gallery), len(rows))
    share = identify(made, gallery["identity"], others, rows["identity"])
    apart = identity_distance(made, gallery["identity"], others, rows["identity"])
    note = f"guessing gives {share.chance:.3g}"
    return {
        f"right person ({words})": Measure("right person", share.rank_1, images=images, note=note, **about),
        f"distance to {words}": Measure("MD", apart, images=images, note=f"to {words}, L2", **about),
    }


def _to_reference(
    made: torch.Tensor, gallery: pd.DataFrame, held: torch.Tensor, real: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """How a gallery compares with real infrared images, equal numbers of both."""
    count = min(len(gallery), len(real))
    near = [
        features[torch.from_numpy(evenly(rows, count))].numpy() for features, rows in ((held, real), (made, gallery))
    ]
    found = {"Fréchet distance": frechet(*near, **about)}
    if count > NEIGHBOURS:
        by_k = {"images": (count, count), "note": f"k = {NEIGHBOURS}", **about}
        found |= {name: Measure(name, value, **by_k) for name, value in manifold(*near).items()}
    if all(rows.groupby(["identity", "camera"]).size().max() > 1 for rows in (gallery, real)):
        share, note = diversity(made, gallery, held, real), f"share of the spread of {words}"
        found["variety"] = Measure("variety", share, images=(len(gallery), len(real)), note=note, **about)
    return found
