"""Trains a study's rows with every seed and measures them: scores and the spread of the embedding."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vireid_lib.analysis.embedding_spread import cross_modality_distances, spread
from vireid_lib.experiment import alike, trainings
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.contrasts import split_scores
from vireid_lib.experiment.papers import SCORES, SPREADS
from vireid_lib.experiment.profile import OF_THE_WORLD
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.result_tables import has_older, mark
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import reid_config
from vireid_lib.experiment.studies.study import Row, Study, book_of

MEASURES = {
    "rank_1": "rank-1",
    "rank_5": "rank-5",
    "rank_10": "rank-10",
    "rank_20": "rank-20",
    "mean_ap": "mAP",
    "mean_inp": "mINP",
    "iirs_visible": "IIRS (V,V)",
    "iirs_infrared": "IIRS (I,I)",
    "himd": "HIMD (V,I)",
    "own_centres": "own centres apart",
    "other_centres": "others' centres apart",
    "intra_distance": "within people",
    "inter_distance": "between people",
    "delta": "δ",
    "md_from_images": "MD, FRI",
    "md_from_latents": "MD, FLS",
    "fid_from_images": "Fréchet distance, FRI",
    "fid_from_latents": "Fréchet distance, FLS",
}
"""What is measured of every row, and how it is printed. Scores are in percent, the others are distances 0..2; FRI is
made from images, FLS from a latent space."""


GIVEN = ["images in a batch", "steps", "images seen"]
"""What is told of a training's effort."""


def train(book: Book, rows: Sequence[Row]) -> list[StageRecord]:
    """Train every row with every seed of the profile, the first seed of all rows first; on a CPU, as many at a time as
    there are cores. What is trained already is fetched."""
    jobs = [(book_of(book, row), row.training, seed) for seed in book.profile.reid.seeds for row in rows]
    return stages.train_all(jobs)


def measure(book: Book, study: Study, *, full: bool = False, training: bool = True) -> pd.DataFrame:
    """Train and measure a study's rows.

    Args:
        full: all rows; otherwise the reduced set. Rows on what only the miniature world has are left out elsewhere.
        training: False trains nothing and measures what is trained already, of all rows.

    Returns:
        one row per study row, seed and mode of the protocol: columns row, label, seed, mode, older (see `StageRecord`),
        minutes, those of `GIVEN` (see `trainings.given`; mean over splits), the scores in percent, the distances of
        `vireid_lib.analysis.embedding_spread` (`spread` and `cross_modality_distances`; the same in every mode), and
        `splits`: where each split has its own network (RegDB), all of these by split, else None.

    Raises:
        ValueError: nothing is to be trained, and nothing is trained.
    """
    rows, seeds = trainable(book, study.chosen(full or not training)), book.profile.reid.seeds
    if training:
        records = iter(train(book, rows))
        done = {(row.name, seed): next(records) for seed in seeds for row in rows}
    else:
        done = {
            (row.name, seed): record
            for row in rows
            for seed in seeds
            if (record := stages.finished(book_of(book, row), row.training, seed))
        }
        if not done:
            raise ValueError(f"No row of study {study.name} is trained in {book.workspace.folder}: let it train some.")
    found = []
    for row in rows:
        for seed in seeds:
            if (record := done.get((row.name, seed))) is None:
                continue
            distances = dict(_distances(book, record).values)
            by_split = distances.pop("splits", {})
            about = {"row": row.name, "label": row.label, "seed": seed}
            effort = {"minutes": record.result["wall_seconds"] / 60, **trainings.given(record)[GIVEN].mean()}
            for score in record.values["scores"]:
                values = {name: 100 * score[name] for name in SCORES}
                splits = split_scores(record, score["mode"])
                if splits is not None:
                    percent = {name: {split: 100 * value for split, value in splits[name].items()} for name in SCORES}
                    splits = percent | by_split
                found.append(
                    {
                        **about,
                        "mode": score["mode"],
                        "older": record.older,
                        **effort,
                        **values,
                        **distances,
                        "splits": splits,
                    }
                )
    return pd.DataFrame(found)


def trainable(book: Book, rows: Sequence[Row]) -> list[Row]:
    """Those of the rows that the book has images for: only the miniature world has true infrared."""
    return [row for row in rows if book.miniature or row.training not in OF_THE_WORLD]


def _distances(book: Book, trained: StageRecord) -> StageRecord:
    """Every distance of `vireid_lib.analysis.embedding_spread` between the test features of a training, which are
    obtained alike for every method, as a stage; with several splits their mean, and each by split, under the names
    that the splits' trials have."""
    splits = stages.splits(book)
    features = {split: alike.features_of(book, trained, split) for split in splits}

    def of_split(split: int) -> dict[str, float]:
        test = stages.datasets(book, split).test()
        return {**spread(features[split], test), **cross_modality_distances(features[split], test)}

    def make(folder: Path) -> dict:
        found = {f"split {split}": of_split(split) for split in splits}
        names = next(iter(found.values()))
        means = {name: sum(each[name] for each in found.values()) / len(found) for name in names}
        if len(found) == 1:
            return means
        return means | {"splits": {name: {split: each[name] for split, each in found.items()} for name in names}}

    inputs = {f"features_{split}": alike.holding(book, trained, split) for split in splits}
    return book.stage("study_distances", {}, inputs, make, seeds=trained.result["seeds"])


def overview(measured: pd.DataFrame, measures: Sequence[str] = ("rank_1", "mean_ap", *SPREADS)) -> pd.DataFrame:
    """Mean ± standard deviation over seeds of every row, in the protocol's first mode; † marks what older code made."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    rows = {}
    for label, group in first.groupby("label", sort=False):
        marked = label + mark(has_older(group))
        rows[marked] = {MEASURES[name]: mean_and_std(name, group[name]) for name in measures}
        rows[marked]["seeds"] = len(group)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")


def effort(book: Book, study: Study, measured: pd.DataFrame) -> pd.DataFrame:
    """What each measured row was given: people and images of a batch, and, as recorded, steps, images seen and minutes
    (mean over seeds)."""
    rows = {}
    for name, group in measured.groupby("row", sort=False):
        row = study.row(name)
        config = reid_config(book_of(book, row).profile)
        rows[row.label] = {
            "people in a batch": config.identities,
            "images of each, per modality": config.images,
            "steps": round(group["steps"].mean()),
            "images seen": round(group["images seen"].mean()),
            "minutes": round(group["minutes"].mean(), 1),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")


def same_effort(study: Study, measured: pd.DataFrame) -> str:
    """Whether the measured rows of each method had the same batches and the same number of steps for one seed: a
    sentence for each method, from what was recorded. Rows that differ on purpose (`Row.times`) are left out."""
    methods = {row.name: row.method for row in study.rows if not row.times}
    told = measured[measured["row"].isin(methods)].drop_duplicates(["row", "seed"])
    lines = []
    for method, own in told.groupby(told["row"].map(methods), sort=False):
        rows, unequal = own["row"].nunique(), trainings.differing(own, ["seed"])
        if unequal:
            alike = f"its {rows} rows differ in {' and '.join(unequal)}; a gain may come from there"
        elif rows > 1:
            alike = f"the same batches and the same number of steps in all of its {rows} rows"
        else:
            alike = "one row"
        lines.append(f"{method}: {alike} ({', '.join(f'{trainings.span(own[name])} {name}' for name in GIVEN)}).")
    return "\n".join(lines)


def for_plot(measured: pd.DataFrame, *, x: str, y: str) -> pd.DataFrame:
    """The rows of `plots.against`: label and, for two measures, mean and standard deviation over seeds."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    groups = first.groupby("label", sort=False)
    columns = {name: groups[name].mean() for name in (x, y)}
    return pd.DataFrame(columns | {f"{name}_std": groups[name].std(ddof=1) for name in (x, y)}).reset_index()


def mean_and_std(measure: str, values: pd.Series) -> str:
    """`49.1 ± 1.2`, distances `0.462 ± 0.004`; without ± for a single seed, – where nothing was measured."""
    if values.isna().all():
        return "–"
    digits = 1 if measure in SCORES else 3
    mean = f"{values.mean():.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {values.std(ddof=1):.{digits}f}"
