"""Trains a study's rows with every seed and measures them: scores and the spread of the embedding."""

import itertools
from collections.abc import Sequence

import pandas as pd

from vireid_lib.experiment import trainings
from vireid_lib.experiment.contrasts import in_percent, unit_scores
from vireid_lib.experiment.measures import distances
from vireid_lib.experiment.metrics import MEASURES, SCORES, SPREADS, digits_of, has_older, mark, mean_and_std
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.settings import fit_of
from vireid_lib.experiment.study import Row, Study, run_of, trainable
from vireid_lib.experiment.trainings import GIVEN


def train(run: Run, rows: Sequence[Row]) -> list[StageRecord]:
    """Train every row with every seed of the profile, the first seed of all rows first; on a CPU, as many at a time as
    there are cores. What is trained already is fetched."""
    wanted = [(run_of(run, row), row.training, seed) for seed in run.profile.reid.seeds for row in rows]
    return trainings.evaluate_all(wanted)


def measure(run: Run, study: Study, *, full: bool = False, training: bool = True) -> pd.DataFrame:
    """Train and measure a study's rows. Raises ValueError: nothing is to be trained, and nothing is trained.

    Args:
        full: all rows; otherwise the reduced set. Rows on what only the miniature world has are left out elsewhere.
        training: False trains nothing and measures what is trained already, of all rows.

    Returns:
        one row per study row, seed and mode of the protocol: columns row, label, seed, fit (of the generator, None
        where nothing is fitted; see `settings.fit_of`), mode, older (see `StageRecord`), minutes and what
        `trainings.given` tells (mean over splits), the scores in percent, `measures.distances` (the same in every
        mode), splits and parts (see `contrasts.unit_scores`; with the distances by split), percent.
    """
    rows, seeds = trainable(run, study.chosen(full or not training)), run.profile.reid.seeds
    made, found, done = iter(train(run, rows)) if training else None, [], {}
    for seed, row in itertools.product(seeds, rows):
        done[row.name, seed] = next(made) if made else run_of(run, row).finished(row.training, seed)
    for row, seed in itertools.product(rows, seeds):
        if (record := done[row.name, seed]) is None:
            continue
        apart = dict(distances(run, record).values)
        by_split, fit = apart.pop("splits", {}), fit_of(run_of(run, row).profile, row.training, seed)
        about = {"row": row.name, "label": row.label, "seed": seed, "fit": fit}
        about |= trainings.given([record])[[*GIVEN, "minutes"]].mean().to_dict()
        for mode, evaluation in record.values["evaluations"].items():
            values = {name: 100 * evaluation["mean"][name] for name in SCORES}
            units = {name: in_percent(each) for name, each in unit_scores(record, mode).items()}
            if units["splits"] is not None:
                units["splits"] |= by_split
            found.append({**about, "mode": mode, "older": record.older, **values, **apart, **units})
    if not found:
        raise ValueError(f"No row of study {study.name} is trained in {run.folder}: let it train some.")
    return pd.DataFrame(found)


def overview(measured: pd.DataFrame, measures: Sequence[str] = ("rank_1", "mean_ap", *SPREADS)) -> pd.DataFrame:
    """Mean ± standard deviation over seeds of every row, in the protocol's first mode; † marks what older code made.
    Where a generator was fitted several times, a column says how many fits a row's seeds share."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    rows = {}
    for label, group in first.groupby("label", sort=False):
        marked = label + mark(has_older(group))
        rows[marked] = {MEASURES[name]: mean_and_std(group[name], digits_of(name)) for name in measures}
        rows[marked]["seeds"] = len(group)
        if "fit" in first and first["fit"].nunique() > 1:
            rows[marked]["fits"] = group["fit"].nunique() or "–"
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")


def same_effort(study: Study, measured: pd.DataFrame) -> str:
    """`trainings.same_effort` of the measured rows of each method, a line for each. Rows that differ on purpose
    (`Row.times`) are left out."""
    methods = {row.name: row.method for row in study.rows if not row.times}
    told = measured[measured["row"].isin(methods)].drop_duplicates(["row", "seed"])
    groups = told.groupby(told["row"].map(methods), sort=False)
    return "\n".join(f"{name}, {own['row'].nunique()} rows: {trainings.same_effort(own)}" for name, own in groups)
