"""What Flow2Flow's study shows besides its tables: walks between two images, translations, losses, fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8

from vireid_lib.analysis.fidelity import colourfulness, frechet
from vireid_lib.analysis.identity_preservation import identify
from vireid_lib.data.cameras import camera_keys
from vireid_lib.data.grey import grey
from vireid_lib.data.images import load_images
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment.gallery_fidelity import thin
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.steps import FITTED
from vireid_lib.experiment.studies.flow2flow import EXPANDED, PERCENT, STUDY, expansion_row
from vireid_lib.experiment.study import run_of
from vireid_lib.generators.flow2flow import Flow2Flow
from vireid_lib.viz.pictures import Grid, short

Images = UInt8[np.ndarray, "images height width 3"]
MOST = 400
"""Images of each kind that fidelity is measured on."""


def flows(run: Run, row: str = "tse") -> Flow2Flow:
    """The fitted flows of a study row."""
    return run_of(run, STUDY.row(row)).generator("flow2flow", external=False)


def loss_history(run: Run, row: str = "tse") -> pd.DataFrame:
    """Losses of the flows and their adversaries over the steps."""
    record = run_of(run, STUDY.row(row)).fit("flow2flow", external=False)
    return pd.read_json(record.folder / FITTED / "training" / "history.jsonl", lines=True)


def inverted(run: Run) -> pd.DataFrame:
    """How exactly the flows of "tse" can be undone: images to latents and back, once with a modality's own flow and
    once there and back again through the other's. Columns: images, largest difference in grey levels (0..255)."""
    maker, learn, rows = flows(run), run.data().train_rows(), {}
    for modality, other in OTHER.items():
        shown = _pixels(maker, learn[learn["modality"] == modality].sample(16, random_state=0))
        latents = maker.encode(shown, modality)
        with torch.no_grad():
            there = maker.networks[other](latents, generate=True)
            again = maker.decode(maker.networks[other](there)[0], modality)
        found = {"its own flow": maker.decode(latents, modality), f"and through the {other} one": again}
        for words, back in found.items():
            worst = int(np.abs(back.astype(int) - shown).max())
            rows[f"{modality}: {words}"] = {"images": len(shown), "largest difference (of 255)": worst}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("there and back by")


def walks(run: Run, *, people: int = 2, q: int = 10) -> Grid:
    """TSE from one image of a person to another, in each modality (Fig. 4, Eq. 17)."""
    maker, rows, labels = flows(run), [], []
    for modality, pairs in _pairs(run, maker, people).items():
        for name, pair in pairs.items():
            first, second = maker.encode(pair, modality)
            path = torch.stack([first + p / q * (second - first) for p in range(q + 1)])
            rows.append([pair[0], *maker.decode(path[1:-1], modality), pair[1]])
            labels.append(f"{short(name)}\n{modality}")
    return Grid(rows, labels, ["image 1", *(f"{p}/{q}" for p in range(1, q)), "image 2"])


def half_ways(run: Run, *, people: int = 3, linear: str = "tse_linear") -> Grid:
    """Half way between two images of a person: in pixels, by the linear flow, by the nonlinear one (Fig. 7)."""
    makers = {"linear flow": flows(run, linear), "nonlinear flow": flows(run)}
    rows, labels = [], []
    for modality, pairs in _pairs(run, makers["linear flow"], people).items():
        for name, pair in pairs.items():
            blend = np.round(pair.astype(np.float32).mean(0)).astype(np.uint8)
            ends = {key: maker.encode(pair, modality) for key, maker in makers.items()}
            halves = [makers[key].decode(each.mean(0, keepdim=True), modality)[0] for key, each in ends.items()]
            rows.append([*pair, blend, *halves])
            labels.append(f"{short(name)}\n{modality}")
    return Grid(rows, labels, ["image 1", "image 2", "pixels", *(key.replace(" ", "\n") for key in makers)])


def translations(run: Run, rows: Sequence[str] = ("cmg",), *, people: int = 6) -> Grid:
    """A person in one modality, shown in the other by the flows of study rows and by CycleGAN if "cyclegan" is among
    them, beside a true image of that modality (Fig. 5 and 9): visible people above, infrared ones below."""
    makers = {STUDY.row(name).label: _translator(run, name) for name in rows}
    learn, grid, labels = run.data().train_rows(), [], []
    keys = pd.Series(camera_keys(learn), index=learn.index)
    first = next(iter(makers.values()))
    names = np.random.default_rng(2).permutation(sorted(learn["identity"].unique()))[:people]
    for modality, other in OTHER.items():
        for name in names[: people // 2] if modality == "visible" else names[people // 2 :]:
            own = learn[learn["identity"] == name].sort_values("path")
            given, true = (_pixels(first, own[own["modality"] == side].iloc[[0]]) for side in (modality, other))
            camera = keys.loc[own.index[own["modality"] == other]].iloc[0]
            grid.append([given[0], *(maker.translate(given, name, camera)[0] for maker in makers.values()), true[0]])
            labels.append(f"{short(name)}\n{modality}")
    heads = [label.removeprefix("CMG, ").replace("CMG", "Flow2Flow") for label in makers]
    return Grid(grid, labels, ["given", *heads, "a true\none"])


def _translator(run: Run, row: str):
    name = "cyclegan" if row == "cyclegan" else "flow2flow"
    return run_of(run, STUDY.row(row)).generator(name, external=False)


def _pairs(run: Run, maker: Flow2Flow, people: int) -> dict[str, dict[str, Images]]:
    """Two images of some people, the same in each call: modality → person → images."""
    learn, found = run.data().train_rows(), {}
    names = np.random.default_rng(1).permutation(sorted(learn["identity"].unique()))[:people]
    for modality in OTHER:
        rows = learn[learn["modality"] == modality].sort_values("path")
        own = {name: rows[rows["identity"] == name] for name in names}
        found[modality] = {name: _pixels(maker, table.iloc[[0, len(table) // 2]]) for name, table in own.items()}
    return found


def _pixels(maker: Flow2Flow, rows: pd.DataFrame) -> Images:
    size = (maker.config.height, maker.config.width)
    return np.asarray(load_images(rows["path"].tolist(), size, cache=None).pixels)


def fidelity(run: Run, rows: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """What study rows add to the training images, measured, and what measured it.

    The judge is MPANet on real images (first seed), in the stream of the modality that is measured. Beside the rows:
    one half of the real images against the other, and grey copies of the visible images as infrared ones.

    Returns:
        a row per modality and set; columns "Fréchet distance" (to the real training images of the modality), "right
        person (%)" (the nearest real image of the modality shows the same person; of TSE an image's own two ends
        count too), "colourfulness", "N".
    """
    judge = run_of(run, STUDY.row("mpanet"))
    seed, learn = run.profile.reid.seeds[0], run.data().train_rows()
    sets = {STUDY.row(name).label: run_of(run, STUDY.row(name)).more_images(STUDY.row(name).training) for name in rows}
    trained = judge.evaluate("real", seed)
    config = judge.reid_config
    size = (config.height, config.width)

    def make(folder: Path) -> dict:
        network, _ = judge.network("real", seed)
        network.to(run.device).eval()
        found = []
        for modality, other in OTHER.items():
            real = thin(learn[learn["modality"] == modality], 2 * MOST)
            groups = {"real, one half against the other": real.iloc[1::2]}
            if modality == "infrared":
                groups["grey copies"] = thin(learn[learn["modality"] == other], MOST)
            groups |= {name: thin(table[table["modality"] == modality], MOST) for name, table in sets.items()}
            half = real.iloc[::2]
            known = _features(network, _load(half, size), modality, run.device)
            for name, table in groups.items():
                table = table[table["identity"].isin(set(half["identity"]))]
                images = _load(table, size)
                images = grey(images) if name == "grey copies" else images
                features = _features(network, images, modality, run.device)
                measure = frechet(known.numpy(), features.numpy(), extractor="mpanet", resize=f"{size[0]}x{size[1]}")
                right = identify(features, table["identity"], known, half["identity"])
                found.append(
                    {
                        "images": name,
                        "modality": modality,
                        "Fréchet distance": measure.value,
                        "right person (%)": 100 * right.rank_1,
                        "guessing (%)": 100 * right.chance,
                        "colourfulness": float(colourfulness(images).mean()),
                        "N": len(table),
                    }
                )
        return {"table": found}

    inputs = {"judge": trained, "real": learn}
    inputs |= {f"images_{place}": table for place, table in enumerate(sets.values())}
    record = run.stage("flow2flow_fidelity", {"rows": list(rows), "most": MOST}, inputs, make, seeds=[seed])
    words = (
        f"Judge: MPANet, {run.profile.reid.backbone} backbone, trained on {run.profile.data.target}'s real "
        f"images (seed {seed}); images at {size[0]} × {size[1]}, bilinear; against {MOST} real images at most."
    )
    return pd.DataFrame(record.values["table"]), words


def _load(rows: pd.DataFrame, size: tuple[int, int]) -> Images:
    return np.asarray(load_images(rows["path"].tolist(), size, cache=None).pixels)


def _features(network: torch.nn.Module, images: Images, modality: str, device: str) -> torch.Tensor:
    from vireid_lib.data.augment import normalise
    from vireid_lib.data.images import to_float

    parts = [images[place : place + 128] for place in range(0, len(images), 128)]
    with torch.no_grad():
        found = [network.features(normalise(to_float(part, torch.device(device))), modality).cpu() for part in parts]
    return torch.nn.functional.normalize(torch.cat(found))


def fidelity_words(table: pd.DataFrame) -> pd.DataFrame:
    """`fidelity` for reading."""
    shown = table.assign(**{"Fréchet distance": table["Fréchet distance"].map("{:.3f}".format)})
    for name in ("right person (%)", "guessing (%)", "colourfulness"):
        shown[name] = table[name].map("{:.1f}".format)
    return shown.set_index(["modality", "images"])


def multiples(measured: pd.DataFrame, measure: str = "rank_1") -> dict[str, pd.DataFrame]:
    """A score over the number of generated images for each real one, for `plots.sweeps`: what is expanded → curve
    (Fig. 6). What was trained for one multiple alone is left out."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    groups, curves = first.groupby("row")[measure], {}
    for modality, words in EXPANDED.items():
        rows = [
            {
                "value": percent / 100,
                "mean": groups.get_group(name).mean(),
                "std": groups.get_group(name).std(ddof=1),
                "paper": percent == 100,
            }
            for percent in PERCENT
            if (name := expansion_row(modality, percent)) in groups.groups
        ]
        if len(rows) > 1:
            curves[words] = pd.DataFrame(rows)
    return curves
