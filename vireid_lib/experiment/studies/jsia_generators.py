"""The generators of JSIA-ReID's table 4: what they make of test people, and how near that comes to real images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from vireid_lib import generators
from vireid_lib.analysis.fidelity import frechet_distance
from vireid_lib.analysis.identity_preservation import paired_distance
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import to_float
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.steps import FITTED
from vireid_lib.experiment.studies.jsia import GENERATORS, LABELS, PRETRAINED, STUDY
from vireid_lib.experiment.study import run_of
from vireid_lib.experiment.training_sets import cameras_of
from vireid_lib.generators.base import Generator
from vireid_lib.generators.jsia import Jsia
from vireid_lib.generators.jsia.variation import mix
from vireid_lib.generators.vae import Vae
from vireid_lib.viz.pictures import pixels

IMAGES = 400
"""Images of each modality that are translated, and pairs that are made of latents."""

JOINT = ("jsia", PRETRAINED)
"""Trained together with the ReID method, with the seed of that."""

Pixels = UInt8[np.ndarray, "images height width 3"]


def fitted(run: Run, name: str, seed: int) -> Generator:
    """A generator of table 4: JSIA-ReID as the joint training of that seed left it, or found it, the others fitted with
    that seed.

    All have learned from the target's training people; the others from external visible images as well, if their
    `fit_on` says so.
    """
    if name not in JOINT:
        return _seeded(run, name, seed).generator(name)
    folder = _made_by(run, name, seed).folder / (FITTED if name == PRETRAINED else "")
    return generators.load("jsia", folder, cache=run.cache.files, device=run.device, progress=False)


def _made_by(run: Run, name: str, seed: int) -> StageRecord:
    """The stage that made a generator: of JSIA-ReID the joint training of the whole method, or its pre-training."""
    if name not in JOINT:
        return _seeded(run, name, seed).fit(name)
    whole = run_of(run, STUDY.row("jsia"))
    return whole.train("real", seed) if name == "jsia" else whole.starting_point("real", seed)


def _seeded(run: Run, name: str, seed: int) -> Run:
    """The book with a generator's seed."""
    settings = {**run.profile.generators, name: {**run.profile.generators.get(name, {}), "seed": seed}}
    return run.with_profile(run.profile.model_copy(update={"generators": settings}))


def pairs(table: pd.DataFrame, count: int) -> dict[str, pd.DataFrame]:
    """About `count` images of each modality, image i of both of one person, the same each time; people in turn."""
    mixed = table.sample(frac=1, random_state=0)
    sides = {name: dict(list(own.groupby("identity"))) for name, own in mixed.groupby("modality")}
    people = sorted(set(sides["visible"]) & set(sides["infrared"]))
    turns = [(turn, person) for turn in range(max(1, count // len(people))) for person in people]
    return {
        name: pd.concat([own[person].iloc[[turn % len(own[person])]] for turn, person in turns], ignore_index=True)
        for name, own in ((name, sides[name]) for name in OTHER)
    }


def translated(own: Generator, rows: pd.DataFrame, styles: pd.DataFrame, table: pd.DataFrame) -> Pixels:
    """Images in the other modality (FRI).

    Args:
        rows: images of one modality.
        styles: for each, one of the same person in the other modality, whose style JSIA-ReID takes; the others do
            without.
        table: whose cameras of the other modality are taken in turn by generators that know cameras.
    """
    images, target = _shown(own, rows), OTHER[rows["modality"].iloc[0]]
    if isinstance(own, Jsia):
        return own.decode(own.contents(images), own.styles(_shown(own, styles), target), target)
    cameras = cameras_of(table, target)
    made, places = np.zeros_like(images), np.arange(len(rows)) % len(cameras)
    for place, camera in enumerate(cameras[: len(rows)]):
        made[places == place] = own.translate(images[places == place], rows["identity"].iloc[0], camera)
    return made


def _shown(own: Generator, rows: pd.DataFrame) -> Pixels:
    """The rows' images at the size of the generator's."""
    return pixels(rows, (own.config.height, own.config.width))


def from_latents(
    own: Generator, sides: Mapping[str, pd.DataFrame], table: pd.DataFrame, seed: int, *, prior: bool = False
) -> dict[str, Pixels]:
    """Pairs of a visible and an infrared image of people that do not exist (FLS); none by generators without such.

    Args:
        prior: whether JSIA-ReID draws latents from the standard normal that eq. 10 wants them to follow, as a VAE
            always does, or mixes those of two visible images (eq. 14), as figure 7 shows. Its styles have no prior:
            they are mixtures of those of two people in each modality either way.
    """
    count = len(sides["visible"])
    if isinstance(own, Vae):
        made = own.from_latent_space(count, seed, [cameras_of(table, name)[0] for name in OTHER])
        return dict(zip(OTHER, made, strict=True))
    if not isinstance(own, Jsia) or not own.config.variation:
        return {}
    draw = torch.Generator().manual_seed(seed)
    other, share = torch.randperm(count, generator=draw), torch.rand(count, generator=draw).to(own.device)
    images = {name: _shown(own, rows) for name, rows in sides.items()}
    latents = own.latents(images["visible"])
    drawn = torch.randn(latents.shape, generator=draw).to(latents) if prior else mix(latents, latents[other], share)
    contents = own.from_latents(drawn)
    styles = {name: own.styles(images[name], name) for name in OTHER}
    return {name: own.decode(contents, mix(styles[name], styles[name][other], share), name) for name in OTHER}


@torch.no_grad()
def _features(network: torch.nn.Module, size: tuple[int, int], images: Pixels, modality: str) -> Float[Tensor, "n dim"]:
    """Features of unit length by a ReID network, through the stream of the modality."""
    found = []
    for start in range(0, len(images), 128):
        some = to_float(images[start : start + 128], next(network.parameters()).device)
        if some.shape[2:] != size:
            some = functional.interpolate(some, size, mode="bilinear", antialias=True)
        found.append(network.features(normalise(some), modality).float().cpu())
    return functional.normalize(torch.cat(found))


def fidelity(run: Run, *, full: bool = False) -> pd.DataFrame:
    """MD and Fréchet distance of every generator of table 4, for `studies.beside_paper` and `studies.judge`.

    The evaluator network is the profile's ReID method, trained on the target's training people with each seed. In
    JSIA-ReID's rows that is also the seed of the joint training. The other generators are fitted once, with the first
    seed, unless the study is run in full; then with each.

    Returns:
        one row per generator and seed, and "real" for real images of test people: columns row, label, seed, mode,
        md_from_images, md_from_latents, md_from_prior, fid_from_images, fid_from_latents, fid_from_prior (NaN
        without a latent space; `from_latents` says which is which), and in "basis" the words that name evaluator
        network and number of images.
    """
    found, mode = [], run.profile.evaluation.modes[0]
    for seed in run.profile.reid.seeds:
        for name in ("real", *GENERATORS, PRETRAINED):
            fit = seed if full or name in JOINT else run.profile.reid.seeds[0]
            label = LABELS.get(name, "real images (reference)")
            about = {"row": name, "label": label, "seed": seed, "mode": mode}
            found.append(about | _measured(run, name, fit, seed).values)
    return pd.DataFrame(found).fillna(np.nan)


def _measured(run: Run, name: str, fit: int, seed: int) -> StageRecord:
    """One generator under one evaluator network, as a stage."""
    test, inputs = run.data().test(), {"evaluator": run.evaluate("real", seed)}
    inputs |= {} if name == "real" else {"maker": _made_by(run, name, fit)}
    sampling = {} if name in ("real", *JOINT) else run.generator_config(name).sampling_settings()

    def make(folder: Path) -> dict:
        network, config = run.network("real", seed)
        size, sides = (config.height, config.width), pairs(test, IMAGES)
        count = len(sides["visible"])

        def features(images: Mapping[str, Pixels]) -> dict[str, Tensor]:
            return {side: _features(network, size, own, side) for side, own in images.items()}

        def apart(made: Mapping[str, Tensor]) -> float:
            return sum(frechet_distance(real[side].numpy(), made[side].numpy()) for side in real) / 2

        real = features({side: pixels(rows, size) for side, rows in sides.items()})
        values = {
            "basis": f"N = {count} of each modality; features of {run.profile.reid.method.upper()}, "
            f"{run.profile.reid.backbone} backbone, images resized to {size[0]} × {size[1]}"
        }
        if name == "real":
            others = {side: pixels(rows.iloc[count:], size) for side, rows in pairs(test, 2 * count).items()}
            md = paired_distance(*real.values())
            return values | {"md_from_images": md, "fid_from_images": apart(features(others))}
        own = fitted(run, name, fit)
        made = features({OTHER[side]: translated(own, rows, sides[OTHER[side]], test) for side, rows in sides.items()})
        values["md_from_images"] = sum(paired_distance(real[OTHER[side]], made[side]) for side in OTHER) / 2
        values["fid_from_images"] = apart(made)
        for kind, prior in (("latents", False), ("prior", True)):
            if made := features(from_latents(own, sides, test, seed, prior=prior)):
                values[f"md_from_{kind}"] = paired_distance(*made.values())
                values[f"fid_from_{kind}"] = apart(made)
        return values

    about = {"generator": name, "images": IMAGES, "sampling": sampling}
    return run.stage("generator_pairs", about, inputs, make, seeds=[seed])
