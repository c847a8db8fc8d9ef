"""Run comparer: any scores that a workspace holds, side by side with their deviations over seeds."""

from collections.abc import Sequence

import pandas as pd

from vireid_lib.experiment import results, variants
from vireid_lib.experiment.metrics import OLDER, OLDER_WORDS, SCORES, plus_minus
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz import Picture, run_bars, widgets

SHOWN = ("rank_1", "rank_10", "mean_ap", "mean_inp")
FIRST = 8  # runs that the first figure shows


def compare_runs(run: Run) -> None:
    """Show the workspace's runs with bars and a table; in an interactive session, choose among all of them.

    A run is one setting with all its seeds: data set, mode, method, training set, variant.
    """
    found = runs(results.over_seeds(results.scores(run, others=True)))
    if found.empty:
        print("No scores in this workspace yet.")
        return
    names = found.index.tolist()
    main = found.index[found["mode"] == found["mode"].iloc[0]].tolist()

    def comparer(runs=tuple(main[:FIRST]), metric="rank_1") -> Picture:
        """The chosen runs."""
        return comparison(found.loc[list(runs)], metric)

    widgets.explore(comparer, runs=widgets.Several(names), metric=list(SCORES))
    if found["older"].any():
        print(f"{OLDER} {OLDER_WORDS}")


def runs(table: pd.DataFrame) -> pd.DataFrame:
    """Scores over seeds under a name each: the training set, and whatever else is not the same for all.

    Args:
        table: as `results.over_seeds` returns it.
    """
    telling = [name for name in ("dataset", "method", "mode", "protocol", "variant", "external") if _tells(table, name)]
    if "variant" in telling and table["resolved"].notna().all():  # what differs between runs, not from the published
        table = table.assign(variant="")
        for _, group in table.groupby(["method", "training"], sort=False):
            table.loc[group.index, "variant"] = variants.apart(group["resolved"].tolist())
    names = []
    for row in table.to_dict("records"):
        more = [str(row[name]) for name in telling if not pd.isna(row[name]) and row[name] != ""]
        more += [OLDER] if row["older"] else []
        names.append(", ".join([training_label(row["training"]).removeprefix("+ "), *dict.fromkeys(more)]))
    return table.set_axis(pd.Index(names, name="run"), axis=0)


def _tells(table: pd.DataFrame, name: str) -> bool:
    """Whether a column tells runs apart that would be one without it: a mode has its protocol, mostly."""
    if name == "protocol":
        return bool((table.groupby("mode")["protocol"].nunique() > 1).any())
    return table[name].dropna().nunique() > 1


def comparison(table: pd.DataFrame, metric: str = "rank_1") -> Picture:
    """Bars of one metric with deviations over seeds, and all metrics as numbers beside them.

    Args:
        table: rows of `runs`, in the order in which they are shown.

    Raises:
        ValueError: no row.
    """
    if table.empty:
        raise ValueError("No run is chosen: choose one at least (several with Ctrl or Shift).")
    columns = {SCORES[name]: _numbers(table, name) for name in SHOWN}
    columns |= {"seeds": table["seeds"].astype(str).tolist(), "trials": table["trials"].astype(str).tolist()}
    return run_bars(
        table.index.tolist(),
        table[metric].tolist(),
        table[f"{metric}_std"].tolist(),
        columns=columns,
        axis=f"{SCORES[metric]} (%)",
        marked=SCORES[metric],
    )


def _numbers(table: pd.DataFrame, metric: str) -> Sequence[str]:
    pairs = zip(table[metric], table[f"{metric}_std"], strict=True)
    return [plus_minus(mean, deviation) for mean, deviation in pairs]
