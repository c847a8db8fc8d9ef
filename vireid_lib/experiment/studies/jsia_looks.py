"""What JSIA-ReID's study shows besides its tables: similarities, settings, paired images, walks in the latent space."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from vireid_lib.analysis.embedding_spread import pair_distances
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies.jsia import LABELS, STUDY, SWEEPS, sweep_row
from vireid_lib.experiment.studies.jsia_makers import cameras_by_modality, maker, pairs, shown, size_of, translated
from vireid_lib.experiment.study import run_of
from vireid_lib.generators.jsia.variation import mix
from vireid_lib.viz.pictures import pixels, short

KINDS = ("same person, across modalities", "different people, across modalities")


def alike(run: Run, *, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Cosine distances of visible-infrared pairs under the networks of figure 4, for `plots.distance_panels`: without
    any alignment, of people that it was trained on and of others; then of others with SL, and with SL and IL."""
    from vireid_lib.reid.features import extract

    found, learn = {}, run.data().train_rows()
    learn = learn.sample(frac=1, random_state=0).groupby(["identity", "modality"]).head(8).reset_index(drop=True)
    network, config = run_of(run, STUDY.row("none")).network("real", seed)
    features = extract(network, learn, config.model_copy(update={"flip_at_test": False}), run.cache.files)
    found["none, trained people"] = pair_distances(features, learn)
    for name, label in (("none", "none"), ("sl", "SL"), ("sl_il", "SL, IL")):
        found[label] = pair_distances(*run_of(run, STUDY.row(name)).features("real", seed, plain=True))
    return {label: tuple(pairs[kind] for kind in KINDS) for label, pairs in found.items()}


def sweep_curves(run: Run, measured: pd.DataFrame, measure: str = "rank_1") -> dict[str, pd.DataFrame]:
    """A score over the weights and the number of regions, for `plots.sweeps`; settings of which nothing but this book's
    value was trained are left out. Where a weight of 0 was trained (Table 3), it is part of the curve.

    Args:
        measured: from `studies.measure`.
    """

    here = run_of(run, STUDY.row("jsia")).reid_config
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    groups, curves = first.groupby("row")[measure], {}
    for setting, (symbol, values) in SWEEPS.items():
        places = {getattr(here, setting): "jsia", **{value: sweep_row(setting, value) for value in values}}
        if not any(name in groups.groups for name in list(places.values())[1:]):
            continue
        if setting == "ui_weight":  # the only one whose absence alone is a row of Table 3
            places[0.0] = "sl_il_lr"
        rows = [
            {
                "value": value,
                "mean": groups.get_group(name).mean(),
                "std": groups.get_group(name).std(ddof=1),
                "paper": name == "jsia",
            }
            for value, name in places.items()
            if name in groups.groups
        ]
        curves[symbol] = pd.DataFrame(rows)
    return curves


def paired(run: Run, names: Sequence[str], *, seed: int, people: int = 8) -> dict[str, object]:
    """Test people in both modalities, and what generators make of each image in the other (figure 6), for
    `plots.image_grid`: a column per person."""
    test = run.data().test()
    sides = {name: rows.iloc[:people] for name, rows in pairs(test, people).items()}
    cameras = cameras_by_modality(test)
    lines = [list(pixels(sides[name])) for name in OTHER]
    labels = ["visible, real", "infrared, real"]
    for name in names:
        own = maker(run, name, seed)
        words = LABELS[name].replace(" before", "\nbefore")
        for here, there in (("infrared", "visible"), ("visible", "infrared")):
            lines.append(list(translated(own, sides[here], sides[there], cameras[there][:1])))
            labels.append(f"{words}\n{here} → {there}")
    people_names = [short(each) for each in sides["visible"]["identity"]]
    return {"images": lines, "row_labels": labels, "column_labels": people_names}


def exchanged(run: Run, *, seed: int, people: int = 6) -> dict[str, object]:
    """Infrared images decoded with the visible styles of several test people: contents by row, styles by column; for
    `plots.image_grid`."""
    own = maker(run, "jsia", seed)
    sides, size = pairs(run.data().test(), people), size_of(own)
    visible, infrared = (shown(sides[name].iloc[:people], size) for name in OTHER)
    styles, contents = own.styles(visible, "visible"), own.contents(infrared)
    lines = [[None, *visible]]
    for place, image in enumerate(infrared):
        made = own.decode(contents[place : place + 1].expand(people, -1, -1, -1), styles, "visible")
        lines.append([image, *made])
    names = [short(each) for each in sides["visible"]["identity"].iloc[:people]]
    return {"images": lines, "column_labels": ["content", *(f"style of\n{name}" for name in names)]}


def walks(run: Run, *, seed: int, lines_each: int = 3, steps: int = 7) -> dict[str, object]:
    """From one test image to another of the same modality through the latent space (figure 7, Eq. 14), for
    `plots.image_grid`: the two real images at the ends, mixtures with α from 1 to 0 between them."""
    own = maker(run, "jsia", seed)
    sides, lines, labels = pairs(run.data().test(), 2 * lines_each), [], []
    shares = torch.linspace(1, 0, steps)
    for modality in OTHER:
        images = shown(sides[modality].iloc[: 2 * lines_each], size_of(own))
        latents, styles = own.latents(images), own.styles(images, modality)
        for place in range(lines_each):
            ends = (latents[[place]], latents[[lines_each + place]])
            looks = (styles[[place]], styles[[lines_each + place]])
            between = [mix(*(each.expand(steps, -1) for each in two), shares.to(own.device)) for two in (ends, looks)]
            made = own.decode(own.from_latents(between[0]), between[1], modality)
            lines.append([images[place], *made, images[lines_each + place]])
            labels.append(modality if place == 0 else "")
    heads = ["real", *(f"α = {float(share):.2f}" for share in shares), "real"]
    return {"images": lines, "row_labels": labels, "column_labels": heads}
