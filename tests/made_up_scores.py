"""Evaluations with made-up scores, as `Run.evaluate` records them, and what tables show of scores."""

import html
import re
from collections.abc import Sequence

import chapters
import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.results import METRICS
from vireid_lib.experiment.variants import as_published, resolved

beside_papers, *_ = chapters.defined("07_results", "beside_papers", "judged", "STATUS", "NOT_RUN")

ON_SYSU = {"dataset": "sysu_mm01", "mean_ap": 0.4765}
"""Of AGW on SYSU-MM01, as DiVE's Table 2 prints it."""


def score(rank_1: float, **changes: object) -> dict:
    """What one evaluation says; on a real data set by default with the settings that were published for it."""
    row = {"dataset": "mini_vi", "method": "agw", "training": "real", "external": None, "seed": 0, "mode": "all"}
    row |= {"protocol": {"rule": "sysu-mm01", "shots": 1, "draw": "seeded"}, "trials": 10, "mean_ap": 0.4}
    row |= dict.fromkeys(set(METRICS) - {"rank_1", "mean_ap"}, 0.9) | {"rank_1": rank_1} | changes
    if "resolved" not in row:
        published = as_published("sysu_mm01" if row["dataset"] == "mini_vi" else row["dataset"], row["method"])
        row["resolved"] = resolved(published, row["training"])
    return row


def record(cache: Cache, *rows: dict, split_scores: Sequence[float] = ()) -> list[StageRecord]:
    """A stage for each of the scores.

    Args:
        split_scores: rank-1 on each trial; by default all trials have the mean.
    """
    found = []
    for row in rows:
        ranks = split_scores or [row["rank_1"]] * row["trials"]
        metrics = {name: row[name] for name in METRICS}
        trials = [{"name": f"split {place}", **metrics, "rank_1": rank} for place, rank in enumerate(ranks, 1)]
        spread = dict.fromkeys(METRICS) | {"rank_1": float(np.std(ranks))}
        evaluation = {"protocol": {"name": f"{row['mode']}-search", **row["protocol"]}, "mean": metrics}
        evaluation |= {"trials": trials, "deviation_over_trials": spread}
        about = {name: row[name] for name in ("dataset", "method", "training", "external", "seed")}
        about |= {"generator": row.get("generator", row["training"]), "settings": row["resolved"], "mode": row["mode"]}
        values = {"evaluations": {row["mode"]: evaluation}, "trainings": {}}
        found.append(cache.stage(f"evaluate_{row['training']}", about, {}, lambda folder, values=values: values))
    return found


def measured(**rows: dict[str, list[float]]) -> pd.DataFrame:
    """Row name → measure → value of each seed; a list is of rank-1."""
    found = []
    for name, values in rows.items():
        values = values if isinstance(values, dict) else {"rank_1": values}
        for seed in range(len(next(iter(values.values())))):
            cells = {measure: numbers[seed] for measure, numbers in values.items()}
            found.append({"row": name, "label": name.upper(), "seed": seed, "mode": "all", **cells})
    return pd.DataFrame(found)


def cells(shown: Styler) -> pd.DataFrame:
    """A table of `paper_table` as (what is printed there, what was measured here)."""
    return shown.data.map(lambda cell: tuple(map(html.unescape, re.findall(r">([^<]+)<", cell))))
