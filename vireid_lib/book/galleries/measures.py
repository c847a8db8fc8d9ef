"""What chapter 03 measures of galleries: whose images they are, how near to real ones, all measures in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.analysis.fidelity import brightness_histogram, colourfulness, frechet_distance, overlap
from vireid_lib.book.galleries.audit import thin
from vireid_lib.book.galleries.numbers import fid, numbers
from vireid_lib.experiment import arrays, measures
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz.pictures import pixels


def judged_people(run: Run, generator: str = "dive") -> pd.DataFrame:
    """Identity preservation, person by person, as the baseline network (first seed) sees it; the worst first.

    Returns:
        columns identity, then for each gallery the share of its images that lie nearest to the person's own
        photographs. The generator's comes first and sorts the rows; among equals, those who are found in other
        galleries come first, for they are its own failures.
    """
    record = measures.preservation(run, "real", run.profile.reid.seeds[0])
    found = {
        name: pd.DataFrame(values["by_identity"]).set_index("identity")["rank_1"]
        for name, values in record.values["galleries"].items()
    }
    table = pd.DataFrame({_words(name): found[name] for name in sorted(found, key=lambda name: name != generator)})
    others = table.iloc[:, 1:].mean(axis=1)
    table = table.iloc[np.lexsort((-others, table.iloc[:, 0]))]
    return table.rename_axis("identity").reset_index()


def judged_galleries(run: Run) -> pd.DataFrame:
    """Identity preservation of each gallery as the baseline network (first seed) sees it, in percent."""
    record = measures.preservation(run, "real", run.profile.reid.seeds[0])
    found = record.values["galleries"]
    return pd.DataFrame(
        {
            "infrared images": [*(_words(name) for name in found), "guessing"],
            "nearest is the same person (%)": [
                100 * share for share in [*(each["rank_1"] for each in found.values()), record.values["chance"]]
            ],
            "images": [*(str(each["images"]) for each in found.values()), "–"],
        }
    )


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
            groups[_words(name)] = run.synthesize(name)
    count = min(len(rows) for rows in groups.values())
    groups = {name: thin(rows, count) for name, rows in groups.items()}
    seed, config = run.profile.reid.seeds[0], run.generator_config("dive")
    judge = run.evaluate("real", seed)

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
        reference = found["real infrared, one half"]
        histograms = np.stack([brightness_histogram(part) for part in shown.values()])
        arrays.save(folder, histograms=histograms)
        table = pd.DataFrame(
            {
                "images": list(groups),
                "Fréchet distance": [frechet_distance(reference, part) for part in found.values()],
                "brightness overlap": [overlap(histograms[0], row) for row in histograms],
                "colourfulness (0–255)": [float(colourfulness(part).mean()) for part in shown.values()],
            }
        )
        return {"extractor": extractor, "N": count, "table": table.iloc[1:].to_dict("records")}

    method = run.reid_config
    size = f"{method.height} × {method.width}"
    extractor = f"{run.profile.reid.method.upper()}, {run.profile.reid.backbone} backbone, trained on "
    extractor += f"{run.profile.data.target} with seed {seed}, infrared stream, images resized to {size}"
    inputs = {"judge": judge, **{f"images_{place}": rows for place, rows in enumerate(groups.values())}}
    shown_at = [config.height, config.width]
    record = run.stage("fidelity", {"groups": list(groups), "images": count, "size": shown_at}, inputs, make)
    histograms = pd.DataFrame(arrays.load(record)["histograms"], index=list(groups))
    return Fidelity(pd.DataFrame(record.values["table"]).assign(N=count), histograms, extractor)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Galleries measured alike.

    Attributes:
        table: a row per gallery, in the order asked for; the first column names it, the others are `COLUMNS` as far as
            any gallery has them; NaN where a measure does not apply. Shares are percent.
        basis: for each column its N, extractor and resize rule, in words.
        names: what was asked for, row by row.
    """

    table: pd.DataFrame
    basis: dict[str, str]
    names: list[str]

    def by_measure(self) -> pd.DataFrame:
        """The table for a page: a row per measure, a column per gallery, "–" where a measure does not apply."""
        shown = self.table.set_index("infrared images").T
        digits = [1 if "%" in measure else 3 for measure in shown.index]
        words = {
            measure: ["–" if pd.isna(value) else f"{value:.{places}f}" for value in shown.loc[measure]]
            for measure, places in zip(shown.index, digits, strict=True)
        }
        found = pd.DataFrame.from_dict(words, orient="index", columns=shown.columns)
        return found.rename_axis("measure").rename_axis(None, axis=1).reset_index()

    def basis_table(self) -> pd.DataFrame:
        """`basis` for a page: columns measure, measured with."""
        return pd.DataFrame({"measure": list(self.basis), "measured with": list(self.basis.values())})


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
    "FID",
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
"""The measures of `galleries.numbers.numbers`, in the order of `compare`'s table."""


def compare(run: Run, names: Sequence[str], *, inception: str = "") -> Comparison:
    """Measure galleries by all measures: one table for any list of generators.

    Each gallery is fitted, made and measured once (stages), in the order of the names. The judge of people is the
    baseline network of the profile's first seed; `galleries.numbers.numbers` says what the single measures are, and
    gives them with full precision.

    Args:
        names: training sets as profiles name them; "real" is left out.
        inception: weights of an Inception-v3 (file or hub id), for a column FID; "" leaves it out.

    Raises:
        ValueError: no name, or one that makes no gallery.
    """
    names = [name for name in names if name != "real"]
    if not names:
        raise ValueError('compare: give at least one gallery to measure, e.g. "grayscale".')
    found = {name: numbers(run, name) | ({"FID": fid(run, name, inception)} if inception else {}) for name in names}
    columns = {key: (PERCENT | PLAIN).get(key, key) for key in COLUMNS if any(key in each for each in found.values())}
    rows = [
        {"infrared images": _words(name)}
        | {
            label: (100 if key in PERCENT else 1) * each[key].value if key in each else float("nan")
            for key, label in columns.items()
        }
        for name, each in found.items()
    ]
    basis = {label: next(each[key].basis for each in found.values() if key in each) for key, label in columns.items()}
    return Comparison(pd.DataFrame(rows), basis, names)
