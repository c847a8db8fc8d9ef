"""Stages of chapter 03 that show: galleries beside the truth, codes and identities swapped, two ways to start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib import generators
from vireid_lib.analysis.fidelity import colourfulness
from vireid_lib.data import tables
from vireid_lib.experiment import arrays
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.generators.dive import prompts
from vireid_lib.viz.pictures import Grid, pixels, short

MOST_CAMERAS = 7  # columns that fit a page


def identities(run: Run, count: int) -> list[str]:
    """The first external identities that are expanded."""
    return sorted(run.data().external["identity"].unique())[:count]


SHORT_LABELS = {
    "oracle_ir": "true",
    "resampled_ir": "re-drawn",
    "grayscale": "grey copy",
    "interpolation": "blend",
    "dive_from_image": "DiVE from\nthe image",
    "cyclegan_turbo": "CycleGAN-\nTurbo",
}
"""What stands above narrow columns."""


def for_generator(run: Run, name: str) -> Run:
    """The book for a chapter about generator `name`: with its gallery among the training sets, and without DiVE's,
    which would have to be fitted, unless it is about DiVE.

    Raises:
        ValueError: there is no such generator.
    """
    generators.generator_class(name)
    sets = run.profile.reid.training_sets
    if name == "dive":
        wanted = sets if name in sets else [*sets, name]
    else:
        wanted = [each for each in sets if each in ("real", "grayscale", *OF_THE_WORLD) and each != name]
        wanted.insert(min(2, len(wanted)), name)
    if wanted == sets:
        return run
    reid = run.profile.reid.model_copy(update={"training_sets": wanted})
    return run.with_profile(run.profile.model_copy(update={"reid": reid}))


def compared(run: Run, name: str) -> list[str]:
    """What stands beside generator `name` in a table of all measures: the copies, and what the world knows."""
    return list(dict.fromkeys(["grayscale", name, *(each for each in OF_THE_WORLD if run.miniature)]))


def beside_the_truth(run: Run, names: Sequence[str], *, each: int = 1, galleries: Sequence[str] = ("dive",)) -> Grid:
    """One row per identity: visible photographs, then up to `each` infrared images per camera and gallery.

    Args:
        names: identities.
        galleries: what `stages.gallery` makes; "oracle_ir" and "resampled_ir" in the miniature world only.
    """
    external, each = run.data().external, min(each, run.profile.expand.per_camera)
    held = {name: run.synthesize(name) for name in galleries}
    cameras = run.infrared_cameras
    rows = []
    for identity in names:
        own = external[external["identity"] == identity].sort_values("path")
        row = list(pixels(own.iloc[[0, len(own) // 2]]))
        for table in held.values():
            for camera in cameras:
                chosen = table[(table["identity"] == identity) & (table["camera"] == camera)].sort_values("path")
                row += [*pixels(chosen.iloc[:each]), *[None] * (each - len(chosen.iloc[:each]))]
        rows.append(row)
    labels = ["photograph", "photograph"]
    for name in held:
        word = SHORT_LABELS.get(name) or training_label(name).removeprefix("+ ")
        labels += [f"{word}\ncamera {short(camera)}" for camera in cameras for _ in range(each)]
    return Grid(rows, [short(name) for name in names], labels)


@dataclass(frozen=True, eq=False)
class Swaps:
    """Identities × cameras, all from the same noise; and the mean colourfulness of each camera's pictures."""

    grid: Grid
    colour: pd.DataFrame


def swaps(run: Run, *, people: int = 5, noise: int = 0) -> Swaps:
    """Every combination of some identities with some codes, each picture from the same starting noise.

    Args:
        noise: the seed of that noise.
    """
    names, modality = identities(run, people), cameras_of_each_view(run)
    cameras = list(modality)

    def make(folder: Path) -> None:
        from vireid_lib.generators.dive.sample import Request, sample

        model = run.generator("dive").model
        columns = [sample(model, [Request(name, camera, noise) for name in names]) for camera in cameras]
        arrays.save(folder, pictures=np.stack(columns, 1))

    settings = {"identities": names, "cameras": cameras, "noise": noise, **_sampling(run)}
    record = run.stage("swaps", settings, {"finetuning": run.fit("dive")}, make, seeds=[noise])
    pictures = arrays.load(record)["pictures"]
    labels = [f"{camera.split('/')[0]}\n{short(camera).split(' ')[0]}, {modality[camera]}" for camera in cameras]
    colour = pd.DataFrame(
        {
            "camera": cameras,
            "modality": list(modality.values()),
            "colourfulness": [float(colourfulness(pictures[:, place]).mean()) for place in range(len(cameras))],
        }
    )
    return Swaps(Grid([list(row) for row in pictures], [short(name) for name in names], labels), colour)


def cameras_of_each_view(run: Run) -> dict[str, str]:
    """A camera for each code of the generator, and its modality: the target's visible ones, then its infrared ones,
    then the external set's; as many as fit."""
    rows = run.fitted_rows("dive")
    words = prompts.build(rows, run.generator_config("dive"))
    cameras = dict(zip(prompts.camera_keys(rows, words), rows["modality"], strict=True))
    first = {words.view(camera): camera for camera in sorted(cameras, reverse=True)}
    own = sorted(camera for camera in first.values() if camera.split("/")[0] == run.profile.data.target)
    others = sorted(set(first.values()) - set(own))[:1]
    infrared = [camera for camera in own if cameras[camera] == "infrared"][: MOST_CAMERAS - 3]
    visible = [camera for camera in own if cameras[camera] == "visible"][: MOST_CAMERAS - 1 - len(infrared)]
    return {camera: cameras[camera] for camera in (*visible, *infrared, *others)}


def _sampling(run: Run) -> dict:
    config = run.generator_config("dive")
    return {name: getattr(config, name) for name in ("base_model", "sampling_steps", "guidance", "height", "width")}


def starts(run: Run, *, people: int = 5, strengths: Sequence[float] = (0.4, 0.6, 0.8)) -> Grid:
    """The same person from noise (the paper) and from a grey photograph, noised to several strengths (an extra)."""
    names, camera = identities(run, people), run.infrared_cameras[0]
    external = run.data().external.sort_values("path")
    sources = external.drop_duplicates("identity").set_index("identity").loc[names].reset_index()

    def make(folder: Path) -> None:
        from vireid_lib.generators.dive.sample import Request, sample

        model, config = run.generator("dive").model, run.generator_config("dive")
        photographs = pixels(sources, (config.height, config.width))
        requests = [Request(name, camera, place) for place, name in enumerate(names)]
        columns = [
            photographs,
            *(sample(model, requests, images=photographs, strength=each) for each in strengths),
            sample(model, requests),
        ]
        arrays.save(folder, pictures=np.stack(columns, 1))

    settings = {"identities": names, "camera": camera, "strengths": list(strengths), **_sampling(run)}
    inputs = {"finetuning": run.fit("dive"), "photographs": sources[list(tables.COLUMNS)]}
    pictures = arrays.load(run.stage("starts", settings, inputs, make, seeds=range(len(names))))["pictures"]
    labels = ["photograph", *(f"from image,\nstrength {each:g}" for each in strengths), "from noise"]
    return Grid([list(row) for row in pictures], [short(name) for name in names], labels)
