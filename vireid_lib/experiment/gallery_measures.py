"""Every measure of a gallery, as a stage, and a table of several: identity, fidelity, modality, diversity, copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import safetensors.numpy
import safetensors.torch

from vireid_lib import generators
from vireid_lib.analysis.fidelity import Measure, to_reference
from vireid_lib.analysis.identity_preservation import of_people
from vireid_lib.analysis.modality_classifier import ModalityClassifier, ModalityNetwork, train_classifier
from vireid_lib.analysis.privacy import Audit, audit_pixels
from vireid_lib.analysis.ssim import ssim
from vireid_lib.analysis.subsets import subsample
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.settings import generator_name
from vireid_lib.experiment.training_sets import plain_label
from vireid_lib.training import weights

ARRAYS = "arrays.safetensors"
SIZE = (64, 32)
"""Height and width at which pixels are compared."""

MOST = 4000
"""Real images of each modality that the modality classifiers learn from."""

LOOKED_UP = 2000
"""Synthetic and real images that are looked up among the training images; larger sets are thinned evenly."""

PEOPLE = 40
"""Whose photographs are translated for `translation_ssim`."""

SIGHTS = {"colour": False, "luminance": True}
"""What the modality classifiers see, and whether that is grey."""

COLUMNS = {
    "identity preservation (photographs)": "identity preserved: photographs (%)",
    "identity preservation (true infrared)": "identity preserved: true infrared (%)",
    "distance to photographs": "MD to photographs",
    "distance to true infrared": "MD to true infrared",
    **{name: name for name in ("Fréchet distance", "precision", "recall", "density", "coverage", "SSIM on the person")},
    "infrared (colour)": "taken for infrared: in colour (%)",
    "infrared (luminance)": "taken for infrared: luminance (%)",
    "diversity": "diversity (% of real)",
    "flagged copies": "flagged as copies (%)",
}
"""What `measures` takes, in the order of `compare`'s table, and what it is called there."""


class Comparison(NamedTuple):
    """Galleries measured alike: a row for each, in the order asked for, with its name and those of `COLUMNS` that any
    has (shares in percent; NaN where a measure does not apply); for each column its N, extractor and resize rule."""

    table: pd.DataFrame
    basis: dict[str, str]


def compare(run: Run, names: Sequence[str]) -> Comparison:
    """Measure galleries by all of `measures`: one table for any list of training sets, without "real". Each gallery is
    fitted, made and measured once (stages), in the order of the names. Raises ValueError if there is no name, or one
    that makes no gallery."""
    found = {plain_label(name): measures(run, name) for name in names if name != "real"}
    if not found:
        raise ValueError('compare: give at least one gallery to measure, e.g. "grayscale".')
    known = {key: each[key] for each in reversed(found.values()) for key in each}
    basis = {label: known[key].basis for key, label in COLUMNS.items() if key in known}
    scaled = {key: 100 if "%" in label else 1 for key, label in COLUMNS.items()}
    rows = [{COLUMNS[key]: scaled[key] * one.value for key, one in each.items()} for each in found.values()]
    table = pd.DataFrame(rows, columns=list(basis), dtype=float)
    table.insert(0, "infrared images", list(found))
    return Comparison(table, basis)


def measures(run: Run, name: str) -> dict[str, Measure]:
    """What of `COLUMNS` applies to gallery `name`, each with its N, extractor and resize rule; made once. Shares are
    0..1. The evaluator network is the baseline (first seed), which has met neither these people nor synthetic images.
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
        words = f"{config.method.upper()}, {config.backbone} backbone, trained on {run.profile.data.target}"
        about = {"extractor": f"{words} with seed {seed}", "resize": f"{config.height}x{config.width}, bilinear"}
        found = of_people(made, gallery, seen, external, about, "photographs")
        if not set(gallery["path"]) & set(real["path"]):  # a set is no measure of itself
            if run.miniature:
                found |= of_people(made, gallery, held, real, about, "true infrared")
            found |= to_reference(made, gallery, held, real, about, real_words)
        shown, size = _pixels(run, gallery), f"{SIZE[0]}x{SIZE[1]}, bilinear"
        for sight, each in classifiers.items():
            key, share = f"infrared ({sight})", float(each.infrared(shown).mean())
            found[key] = Measure(key, share, str(each), size, (len(gallery),))
        images, note = (len(copied.gallery), len(copied.training)), f"{copied.found.quantile:.0%} of real are flagged"
        found["flagged copies"] = Measure("flagged copies", copied.found.rate, "pixels: 1 − SSIM", size, images, note)
        if translated is not None:
            found["SSIM on the person"] = translated
        return {"measures": {key: vars(each) for key, each in found.items()}}

    inputs = {"evaluator": run.evaluate("real", seed), "gallery": gallery, "external": external, "reference": real}
    inputs |= {"modality_classifiers": learned, "audit": copied.record}
    settings = {"gallery": name, "translated": None if translated is None else vars(translated)}
    found = run.stage("gallery_measures", settings, inputs, make, seeds=[seed]).values["measures"]
    return {key: Measure(**{**each, "images": tuple(each["images"])}) for key, each in found.items()}


def reference(run: Run) -> tuple[pd.DataFrame, str]:
    """The real infrared images that galleries are compared with, and what they are in words: in the miniature world
    pictures of the very people of the galleries that no gallery and no training set holds, elsewhere the target's
    infrared training images, of other people."""
    if not run.miniature:
        rows = run.data().train_rows().query("modality == 'infrared'")
        own = rows[rows["camera"].isin(run.infrared_cameras)]
        return own.reset_index(drop=True), "the target's infrared training images"
    rows = run.data().oracle()
    rows = rows[rows["camera"].isin(run.infrared_cameras)]
    later = rows.groupby(["identity", "camera"]).cumcount() >= run.profile.expand.per_camera
    return rows[later if later.any() else ~later].reset_index(drop=True), "true infrared images of the same people"


def modality_classifiers(run: Run) -> tuple[StageRecord, dict[str, ModalityClassifier]]:
    """Networks that have learned visible from infrared on the target's training images and the external photographs;
    one sees colour, the other only luminance."""
    rows = tables.concat(run.data().train_rows(), run.data().external)
    rows = tables.concat(*(subsample(rows[rows["modality"] == each], MOST) for each in ("visible", "infrared")))

    def make(folder: Path) -> dict:
        pixels, about = _pixels(run, rows), {}
        for name, grey in SIGHTS.items():
            made = train_classifier(pixels, (rows["modality"] == "infrared").to_numpy(), rows["identity"], grey=grey)
            safetensors.torch.save_file(made.network.state_dict(), folder / f"{name}.safetensors")
            about[name] = {"accuracy": made.accuracy, "held_out": made.held_out}
        return about

    record = run.stage("modality_classifiers", {"size": list(SIZE)}, {"images": rows}, make, seeds=[0])
    found = {}
    for name, grey in SIGHTS.items():
        network = ModalityNetwork(1 if grey else 3)
        network.load_state_dict(weights.read_file(record.folder / f"{name}.safetensors"))
        found[name] = ModalityClassifier(network.eval(), grey, **record.values[name])
    return record, found


def translation_ssim(run: Run, name: str) -> Measure | None:
    """SSIM, on the person, of translated photographs and of their very moments in infrared, which the miniature world
    alone can draw; None for real data and for a generator that does not translate, such as DiVE from text."""
    kind, config = generators.generator_class(generator_name(run.profile, name)), run.generator_config(name)
    translates = "translate" in kind.capabilities and getattr(config, "start", "image") == "image"
    if not run.miniature or not translates:
        return None
    height, width = getattr(config, "height", SIZE[0]), getattr(config, "width", SIZE[1])
    external, cameras = run.data().external.sort_values("path"), run.infrared_cameras
    people = sorted(external["identity"].unique())[:PEOPLE]
    shown = external[external["identity"].isin(people)].groupby("identity").head(len(cameras)).reset_index(drop=True)
    under = [cameras[place % len(cameras)] for place in shown.groupby("identity").cumcount()]

    def make(folder: Path) -> dict:
        from vireid_lib.miniworld.oracle import paired_views

        pixels = np.asarray(load_images(shown["path"].tolist(), (height, width), cache=None))
        truth, persons = paired_views(shown["path"].tolist(), under, height=height, width=width)
        made, translate = np.empty_like(pixels), run.generator(name).translate
        for (identity, camera), rows in shown.groupby(["identity", pd.Series(under)]).indices.items():
            made[rows] = translate(pixels[rows], identity, camera)
        return {"ssim": float(ssim(made, truth, persons).mean())}

    settings = {"generator": name, "size": [height, width], "cameras": under, "sampling": config.sampling_settings()}
    record = run.stage("translation_ssim", settings, {"photographs": shown, "fitting": run.fit(name)}, make)
    note = "translated photographs and the same moments in infrared"
    extractor, resize = "pixels, luminance, where the person is", f"{height}x{width}, bilinear"
    return Measure("SSIM", record.values["ssim"], extractor, resize, (len(shown),), note)


class GalleryAudit(NamedTuple):
    """A gallery's nearest training images by 1 - SSIM of luminance; `gallery` and `training` are the rows that the
    numbers of `found` count."""

    record: StageRecord
    found: Audit
    gallery: pd.DataFrame
    training: pd.DataFrame


def training_images(run: Run) -> tuple[pd.DataFrame, np.ndarray]:
    """All images that a generator learned from or starts from, the target's training images and the external
    photographs, and which of them (bool) stand for real ones: at most `LOOKED_UP` of the infrared, spread evenly."""
    data = run.data()
    rows = tables.concat(data.train_rows(), data.external)
    infrared, real = np.flatnonzero(rows["modality"] == "infrared"), np.zeros(len(rows), bool)
    real[infrared[np.unique(np.linspace(0, len(infrared) - 1, LOOKED_UP).round().astype(int))]] = True
    return rows, real


def audit(run: Run, name: str) -> GalleryAudit:
    """Look up each image of gallery `name` among all training images. Real infrared training images are looked up too,
    each among the images of other people or other cameras; the nearest 1 % of them set the threshold."""
    (training, real), gallery = training_images(run), subsample(run.synthesize(name), LOOKED_UP)

    def make(folder: Path) -> dict:
        found = audit_pixels(_pixels(run, gallery), _pixels(run, training), training, real)
        arrays = {name: np.ascontiguousarray(getattr(found, name)) for name in ("nearest", "distances", "real")}
        safetensors.numpy.save_file(arrays, folder / ARRAYS)
        return {"quantile": found.quantile}

    inputs = {"gallery": gallery, "training": training}
    record = run.stage("privacy_audit", {"gallery": name, "size": list(SIZE), "most": LOOKED_UP}, inputs, make)
    arrays = {name: array.numpy() for name, array in weights.read_file(record.folder / ARRAYS).items()}
    found = Audit(**arrays, quantile=record.values["quantile"], space="1 - SSIM")
    return GalleryAudit(record, found, gallery, training)


def _pixels(run: Run, rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(load_images(rows["path"].tolist(), SIZE, cache=run.cache.files))
