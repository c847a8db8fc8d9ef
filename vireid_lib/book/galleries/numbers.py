"""Every measure of one gallery, as a stage: whose images they are, how near real ones, how infrared, how varied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from vireid_lib.analysis.diversity import diversity
from vireid_lib.analysis.fidelity import NEIGHBOURS, Measure, frechet, manifold
from vireid_lib.analysis.identity_preservation import identify, identity_distance
from vireid_lib.analysis.modality_classifier import ModalityClassifier, ModalityNetwork, train_classifier
from vireid_lib.analysis.ssim import ssim
from vireid_lib.book.galleries.audit import audit, thin
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.training import weights

SIZE = (64, 32)
"""Height and width at which the judges of modality see images."""

MOST = 4000
"""Real images of each modality that they learn from."""

TRANSLATED = 40
"""People whose photographs are translated for SSIM."""


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


KINDS = {"colour": False, "luminance": True}
"""What the judges of modality see, and whether that is grey."""


def modality_judges(run: Run) -> tuple[StageRecord, dict[str, ModalityClassifier]]:
    """Judges that have learned visible from infrared on the target's training images and the external photographs;
    one sees colour, the other only luminance."""
    data = run.data()
    rows = tables.concat(data.train_rows(), data.external)
    rows = tables.concat(*(thin(rows[rows["modality"] == each], MOST) for each in ("visible", "infrared")))

    def make(folder: Path) -> dict:
        pixels = np.asarray(load_images(rows["path"].tolist(), SIZE, cache=run.cache.files).pixels)
        about = {}
        for name, grey in KINDS.items():
            judge = train_classifier(pixels, (rows["modality"] == "infrared").to_numpy(), rows["identity"], grey=grey)
            safetensors.torch.save_file(judge.network.state_dict(), folder / f"{name}.safetensors")
            about[name] = {"accuracy": judge.accuracy, "held_out": judge.held_out}
        return about

    record = run.stage("modality_judges", {"size": list(SIZE)}, {"images": rows}, make, seeds=[0])
    found = {}
    for name, grey in KINDS.items():
        network = ModalityNetwork(1 if grey else 3)
        network.load_state_dict(weights.read_file(record.folder / f"{name}.safetensors"))
        found[name] = ModalityClassifier(network.eval(), grey, **record.values[name])
    return record, found


def numbers(run: Run, name: str) -> dict[str, Measure]:
    """Every measure of gallery `name`, each with its N, extractor and resize rule; made once.

    The judge is the baseline network (first seed), which has met neither these people nor synthetic images.

    Returns:
        of these what applies: "right person (photographs)", "right person (true infrared)", "distance to photographs",
        "Fréchet distance", "precision", "recall", "density", "coverage", "SSIM on the person", "infrared (colour)",
        "infrared (luminance)", "variety", "flagged copies". Shares are 0..1.
    """
    found = _stage(run, name).values["measures"]
    return {key: Measure(**{**each, "images": tuple(each["images"])}) for key, each in found.items()}


def _stage(run: Run, name: str) -> StageRecord:
    gallery, external, seed = run.synthesize(name), run.data().external, run.profile.reid.seeds[0]
    real, real_words = reference(run)
    (learned, judges), copied, translated = modality_judges(run), audit(run, name), _translation(run, name)

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
            found |= _beside_reference(run, made, gallery, held, real, about)
        shown = np.asarray(load_images(gallery["path"].tolist(), SIZE, cache=run.cache.files).pixels)
        for sight, judge in judges.items():
            key = f"infrared ({sight})"
            found[key] = Measure(
                key, float(judge.infrared(shown).mean()), str(judge), f"{SIZE[0]}x{SIZE[1]}, bilinear", (len(gallery),)
            )
        pixels = copied.audits["pixels"]
        found["flagged copies"] = Measure(
            "flagged copies",
            pixels.rate,
            copied.words["pixels"],
            "64x32, bilinear",
            (len(copied.gallery), len(copied.training)),
            f"{pixels.quantile:.0%} of real images are flagged",
        )
        if translated is not None:
            found["SSIM on the person"] = translated
        return {"measures": {key: vars(each) for key, each in found.items()}, "reference": real_words}

    inputs = {
        "judge": run.evaluate("real", seed),
        "gallery": gallery,
        "external": external,
        "reference": real,
        "modality_judges": learned,
        "audit": copied.record,
    }
    settings = {"gallery": name, "translated": None if translated is None else vars(translated)}
    return run.stage("gallery_numbers", settings, inputs, make, seeds=[seed])


def fid(run: Run, name: str, weights: str) -> Measure:
    """FID of gallery `name` to `reference(book)`, equal numbers of images; made once for each file of weights.

    Args:
        weights: of an Inception-v3, a file or a hub id; see `vireid_lib.analysis.inception`.
    """
    from vireid_lib.analysis.inception import SIZE as INPUT
    from vireid_lib.analysis.inception import InceptionV3

    gallery, (real, _) = run.synthesize(name), reference(run)
    count = min(len(gallery), len(real))
    sides = [rows.iloc[_spread(rows, count)] for rows in (real, gallery)]

    def make(folder: Path) -> dict:
        network = InceptionV3.load(weights).to(run.device)
        shown = (load_images(rows["path"].tolist(), (INPUT, INPUT), cache=None).pixels for rows in sides)
        name_of_it, resize = f"Inception-v3, {Path(weights).name}", f"{INPUT}x{INPUT}, bilinear"
        found = frechet(*(network.features(pixels) for pixels in shown), extractor=name_of_it, resize=resize)
        return {"fid": vars(found)}

    from vireid_lib.training.weights import digest

    inputs = {"weights": f"{weights} {digest(weights)}", "real": sides[0], "gallery": sides[1]}
    values = run.stage("fid", {"gallery": name}, inputs, make).values["fid"]
    return Measure(**{**values, "images": tuple(values["images"])})


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


def _beside_reference(
    run: Run, made: torch.Tensor, gallery: pd.DataFrame, held: torch.Tensor, real: pd.DataFrame, about: dict
) -> dict[str, Measure]:
    """How a gallery compares with real infrared images, equal numbers of both."""
    found = _of_people(made, gallery, held, real, about, "true infrared") if run.miniature else {}
    count = min(len(gallery), len(real))
    sides = ((held, real), (made, gallery))
    near = [features[torch.from_numpy(_spread(rows, count))].numpy() for features, rows in sides]
    found["Fréchet distance"] = frechet(*near, **about)
    if count > NEIGHBOURS:
        found |= {each.name: each for each in manifold(*near).measures(images=(count, count), **about)}
    if all(rows.groupby(["identity", "camera"]).size().max() > 1 for rows in (gallery, real)):
        share, note = diversity(made, gallery, held, real), f"share of the spread of {reference(run)[1]}"
        found["variety"] = Measure("variety", share, images=(len(gallery), len(real)), note=note, **about)
    return found


def _spread(rows: pd.DataFrame, count: int) -> np.ndarray:
    """Numbers of `count` rows, evenly over people, cameras and files."""
    order = rows.reset_index(drop=True).sort_values(["identity", "camera", "path"]).index.to_numpy()
    return order[np.linspace(0, len(order) - 1, count).round().astype(int)]


def _translation(run: Run, name: str) -> Measure | None:
    """SSIM, on the person, of translated photographs and of their very moments in infrared; for generators that
    translate, in the miniature world."""
    maker = _translator(run, name) if run.miniature else None
    if maker is None:
        return None
    fitting, translate, sampling, (height, width) = maker
    external, cameras = run.data().external.sort_values("path"), run.infrared_cameras
    people = sorted(external["identity"].unique())[:TRANSLATED]
    shown = external[external["identity"].isin(people)].groupby("identity").head(len(cameras))
    shown = shown.reset_index(drop=True)
    under = [cameras[place % len(cameras)] for place in shown.groupby("identity").cumcount()]

    def make(folder: Path) -> dict:
        from vireid_lib.miniworld.oracle import paired_views

        pixels = np.asarray(load_images(shown["path"].tolist(), (height, width), cache=None).pixels)
        truth, persons = paired_views(shown["path"].tolist(), under, height=height, width=width)
        made = np.empty_like(pixels)
        orders = pd.Series(range(len(shown))).groupby([shown["identity"], pd.Series(under)]).indices
        draw = translate()
        for (identity, camera), rows in orders.items():
            made[rows] = draw(pixels[rows], identity, camera)
        found = Measure(
            "SSIM",
            float(ssim(made, truth, persons).mean()),
            "pixels, luminance, where the person is",
            f"{height}x{width}, bilinear",
            (len(shown),),
            "translated photographs and the same moments in infrared",
        )
        return {"ssim": vars(found)}

    settings = {"generator": name, "size": [height, width], "cameras": under, "sampling": sampling}
    inputs = {"photographs": shown} | ({"fitting": fitting} if fitting else {})
    values = run.stage("translation_ssim", settings, inputs, make).values["ssim"]
    return Measure(**{**values, "images": tuple(values["images"])})


def _translator(run: Run, name: str):
    """What gallery `name` was fitted by (None if nothing was), how it translates, the settings of that, its size; None
    if it can't."""
    from vireid_lib import generators

    if name == "dive_from_image":
        config = run.generator_config(name)
        sampling, size = config.sampling_settings(), (config.height, config.width)
        return run.fit(name), lambda: run.generator(name).translate, sampling, size
    if name in ("dive", *OF_THE_WORLD):  # from text there is no moment to compare
        return None
    config, made = run.generator_config(name), generators.generator_class(name)
    if "translate" not in made.capabilities:
        return None
    size = (getattr(config, "height", SIZE[0]), getattr(config, "width", SIZE[1]))
    if name == "grayscale":
        return None, lambda: made().translate, {}, size
    sampling = config.sampling_settings()
    return run.fit(name), lambda: run.generator(name).translate, sampling, size
