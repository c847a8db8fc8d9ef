"""Stages of chapter 03 that measure: whose images they are, how near to real ones, whether any is a copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8

from vireid_lib.analysis.fidelity import brightness_histogram, colourfulness, frechet_distance, overlap
from vireid_lib.analysis.identification import nearest
from vireid_lib.book import arrays, measures, stages
from vireid_lib.book.book import Book
from vireid_lib.book.lessons import untrained_features
from vireid_lib.book.pictures import Grid, pixels
from vireid_lib.book.results import training_label
from vireid_lib.book.settings import dive_config, reid_config


def judged_people(book: Book) -> pd.DataFrame:
    """Identity preservation, person by person, as the baseline network (first seed) sees it; the worst first.

    Returns:
        columns identity, then for each gallery the share of its images that lie nearest to the person's own
        photographs. DiVE's comes first and sorts the rows; among equals, those who are found in other galleries come
        first, for they are DiVE's own failures.
    """
    record = measures.preservation(book, "real", book.profile.reid.seeds[0])
    found = {name: pd.DataFrame(values["by_identity"]).set_index("identity")["rank_1"]
             for name, values in record.values["galleries"].items()}  # fmt: skip
    table = pd.DataFrame({_words(name): found[name] for name in sorted(found, key=lambda name: name != "dive")})
    others = table.iloc[:, 1:].mean(axis=1)
    table = table.iloc[np.lexsort((-others, table.iloc[:, 0]))]
    return table.rename_axis("identity").reset_index()


def judged_galleries(book: Book) -> pd.DataFrame:
    """Identity preservation of each gallery as the baseline network (first seed) sees it, in percent."""
    record = measures.preservation(book, "real", book.profile.reid.seeds[0])
    found = record.values["galleries"]
    return pd.DataFrame({
        "infrared images": [*(_words(name) for name in found), "guessing"],
        "nearest is the same person (%)": [100 * share for share in
                                           [*(each["rank_1"] for each in found.values()), record.values["chance"]]],
        "images": [*(str(each["images"]) for each in found.values()), "–"],
    })  # fmt: skip


def _words(name: str) -> str:
    return training_label(name).removeprefix("+ ")


@dataclass(frozen=True, eq=False)
class Fidelity:
    """How near each gallery comes to real infrared images.

    Attributes:
        table: columns images, Fréchet distance, brightness overlap, colourfulness, N.
        histograms: share of pixels by brightness; a row per set of images, a column per bin.
        extractor: what the Fréchet distance compares.
    """

    table: pd.DataFrame
    histograms: pd.DataFrame
    extractor: str


def fidelity(book: Book) -> Fidelity:
    """Compare every gallery of the profile with the target's real infrared training images of the same cameras.

    All sets are thinned to the same number of images, for the distance depends on it. Two halves of the real images
    show the distance that chance alone gives; the visible images are far by construction.
    """
    data, cameras = stages.datasets(book), stages.infrared_cameras(book)
    learn = data.learn()
    real = learn[learn["camera"].isin(cameras)]
    groups = {"real infrared, one half": real.iloc[::2], "real infrared, other half": real.iloc[1::2],
              "external photographs (visible)": data.external}  # fmt: skip
    for name in book.profile.reid.training_sets:
        if name != "real":
            groups[_words(name)] = stages.gallery(book, name)
    count = min(len(rows) for rows in groups.values())
    groups = {name: _thin(rows, count) for name, rows in groups.items()}
    seed, config = book.profile.reid.seeds[0], dive_config(book.profile)
    judge = stages.reid(book, "real", seed)

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, settings = stages.network(book, "real", seed)
        network.to(book.device)
        # All sets pass the infrared stream: the question is whether they could be taken for infrared.
        found = {name: extract(network, rows.assign(modality="infrared"), settings, book.workspace.cache).numpy()
                 for name, rows in groups.items()}  # fmt: skip
        shown = {name: pixels(rows, (config.height, config.width)) for name, rows in groups.items()}
        reference = found["real infrared, one half"]
        histograms = np.stack([brightness_histogram(part) for part in shown.values()])
        arrays.save(folder, histograms=histograms)
        table = pd.DataFrame({
            "images": list(groups),
            "Fréchet distance": [frechet_distance(reference, part) for part in found.values()],
            "brightness overlap": [overlap(histograms[0], row) for row in histograms],
            "colourfulness (0–255)": [float(colourfulness(part).mean()) for part in shown.values()],
        })  # fmt: skip
        return {"extractor": extractor, "N": count, "table": table.iloc[1:].to_dict("records")}

    method = reid_config(book.profile)
    size = f"{method.height} × {method.width}"
    extractor = f"{book.profile.reid.method.upper()}, {book.profile.reid.backbone} backbone, trained on "
    extractor += f"{book.profile.data.target} with seed {seed}, infrared stream, images resized to {size}"
    inputs = {"judge": judge, **{f"images_{place}": rows for place, rows in enumerate(groups.values())}}
    record = book.stage("fidelity", {"groups": list(groups), "images": count}, inputs, make)
    histograms = pd.DataFrame(arrays.load(record)["histograms"], index=list(groups))
    return Fidelity(pd.DataFrame(record.values["table"]).assign(N=count), histograms, extractor)


def _thin(table: pd.DataFrame, count: int) -> pd.DataFrame:
    ordered = table.sort_values(["identity", "camera", "path"])
    return ordered.iloc[np.linspace(0, len(ordered) - 1, count).round().astype(int)].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Copies:
    """Whether synthetic images repeat training images.

    Attributes:
        distances: group to the distance of each image to its nearest training image.
        closest: the synthetic images that come nearest, above the training images that they come near to.
    """

    distances: dict[str, Float[np.ndarray, " images"]]
    closest: Grid


def copies(book: Book, *, shown: int = 6) -> Copies:
    """Distance of each synthetic image to the nearest real infrared training image of its camera.

    Cosine distance of grey thumbnails of 16 × 8 pixels with zero mean: blind to identity, quick to see a copy. Beside
    it, the same for each real image and the nearest one of *other* people.
    """
    learn, synthetic = stages.datasets(book).learn(), stages.gallery(book, "dive")
    found: dict[str, list] = {"real": [], "synthetic": [], "pairs": []}
    for camera in stages.infrared_cameras(book):
        real, made = (table[table["camera"] == camera].reset_index(drop=True) for table in (learn, synthetic))
        real_features, made_features = (untrained_features(_thumbnails(rows)) for rows in (real, made))
        rows, distances = nearest(made_features, real_features)
        found["synthetic"].append(distances)
        found["pairs"] += list(zip(distances, made["path"], real["path"].iloc[rows], strict=True))
        for name, own in real.groupby("identity").groups.items():
            others = real.index[real["identity"] != name]
            found["real"].append(nearest(real_features[torch.tensor(own)], real_features[torch.tensor(others)])[1])
    pairs = sorted(found["pairs"])[:shown]
    grid = Grid([list(pixels([made for _, made, _ in pairs])), list(pixels([real for _, _, real in pairs]))],
                ["synthetic", "nearest real\ntraining image"],
                [f"{distance:.2f}" for distance, _, _ in pairs])  # fmt: skip
    distances = {"synthetic to real": np.concatenate(found["synthetic"]),
                 "real to somebody else's real": np.concatenate(found["real"])}  # fmt: skip
    return Copies(distances, grid)


def _thumbnails(rows: pd.DataFrame) -> UInt8[np.ndarray, "n 64 32 3"]:
    return pixels(rows, (64, 32))
