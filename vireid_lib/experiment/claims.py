"""Comparisons of trainings, and the papers' claims about them: differences, their intervals, corrected verdicts."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, holm
from vireid_lib.experiment.contrasts import Claim, contrast, in_percent
from vireid_lib.experiment.metrics import digits_of, has_older
from vireid_lib.experiment.training_sets import plain_label

NOISE, SINGLE, MISSING = "within noise", "one seed only", "not run"
HOLDS, FAILS = "holds", "does not hold"

COLUMNS = ["claim", "place", "measure", "row", "other", "direction", "family", "mode", "older", "difference", "margin"]
COLUMNS += ["p", "over", "within", "words"]


def judge(measured: pd.DataFrame, claims: Iterable[Claim], mode: str | None = None) -> pd.DataFrame:
    """Test every claim against the trainings, with Holm's correction over those whose rows were run: of fifty claims of
    which none is true, one or more would "hold" or "not hold" in most studies, and corrected in 5 % of them at most.

    Args:
        measured: a row for each setting and seed: columns row, mode, seed, the measures, and, where they are known,
            splits, parts (see `unit_scores`) and older.
        mode: of the protocol; the first by default.

    Returns:
        the findings, a row for each claim: `COLUMNS`, and what `correct` adds. Difference: the claim's row minus the
            other, or the one step minus the other, in points or as a distance; NaN if a row has not been trained, or
            the measure is not taken of it. Margin: half the width of its 95 % interval, and p its p-value, both before
            correction and NaN for a single seed. Over, within: see `Contrast`. Words: the difference with its interval.
            Older: whether older code has made one of the rows.
    """
    mode = mode or measured["mode"].iloc[0]
    of_mode = measured[measured["mode"] == mode].sort_values("seed", kind="stable")  # within which pairs are looked for
    groups = dict(list(of_mode.groupby("row", sort=False)))
    older = {name for name, group in groups.items() if has_older(group)}
    rows = []
    for claim in claims:
        told, words = (None, None, None, "", ""), ""
        if (found := contrast(claim, groups)) is not None:
            told = (found.value, found.margin, found.p_value, found.over, found.within)
            digits = digits_of(claim.measure)
            words = f"{found.value:+.{digits}f}{' points' * (digits == 1)}"
            if found.margin is not None:
                ends = (f"{found.value + side * found.margin:+.{digits}f}" for side in (-1, 1))
                words += f" ({' … '.join(ends)}{f', over {found.over}' * (found.within == 'split')})"
        about = (claim.words, claim.place, claim.measure, claim.row, claim.other, claim.direction, claim.family, mode)
        rows.append((*about, bool(older & set(claim.rows)), *told, words))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return correct(table.astype({name: float for name in ("difference", "margin", "p")}))


def correct(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings of `judge` corrected over all of them (Holm, claims of one family as one): their corrected p-values;
    the verdict, "holds" or "does not hold" where that is 5 % at most, else "within noise", "one seed only" where there
    is no p-value, "not run" where a row has not been trained; and what the verdict of each claim alone would be."""
    p_values = [None if np.isnan(p) else p for p in findings["p"]]
    found = findings.assign(corrected=np.array(holm(p_values, findings["family"].tolist()), float))
    for name, p in (("verdict", "corrected"), ("alone", "p")):
        found[name] = list(map(_verdict, found["difference"], found["direction"], found[p]))
    return found


def _verdict(difference: float, direction: str, p: float) -> str:
    if np.isnan(difference):
        return MISSING
    if np.isnan(p):
        return SINGLE
    if p > LEVEL:
        return NOISE
    return HOLDS if (difference > 0) == (direction == "larger") else FAILS


def compare(
    scores: pd.DataFrame, metric: str = "rank_1", *, reference: str = "real", mode: str | None = None
) -> pd.DataFrame:
    """Compare every training set with the reference, in the order of the table, with Holm's correction over them.
    Raises ValueError: the reference is not among the training sets.

    Args:
        scores: from `results.score_table`; shares.
        mode: of the protocol; the table's first by default.
    """
    measured = measured_of(scores, metric)
    if reference not in set(names := list(dict.fromkeys(measured["row"]))):
        raise ValueError(f"no training on {reference!r} to compare with; there is {', '.join(names)}")
    label = {name: plain_label(name) for name in names}
    asked = [
        Claim(f"{label[name]}: better than {label[reference]}", "", metric, name, reference)
        for name in names
        if name != reference
    ]
    return judge(measured, asked, mode)


def measured_of(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Shares from `results.score_table` for `judge`: the training set as the row, the metric in percent."""
    measured = scores.rename(columns={"training": "row"}).assign(**{metric: 100 * scores[metric]})
    for name in {"splits", "parts"} & set(measured):
        measured[name] = [in_percent(each) for each in measured[name]]
    return measured
