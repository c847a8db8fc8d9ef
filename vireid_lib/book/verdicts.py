"""What a comparison over few seeds allows to say: differences, their standard errors, and sentences."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from vireid_lib.book.results import OLDER, mean_and_std, over_seeds, training_label

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Verdict:
    """How one training set compares with a reference, in percent points of one metric.

    Attributes:
        training, reference: names of the training sets.
        difference: mean over seeds minus the reference's mean.
        standard_error: of that difference, from the spread over seeds on both sides (Welch); None when a side
            has a single seed.
        margin: half the width of the 95 % confidence interval (Student's t, Welch-Satterthwaite degrees of
            freedom: few seeds make it much wider than two standard errors); None likewise.
        seeds: seeds on either side, this one's first.
    """

    training: str
    reference: str
    difference: float
    standard_error: float | None
    margin: float | None
    seeds: tuple[int, int]

    @property
    def judgement(self) -> str:
        """ "better", "worse", "within noise" or "one seed only"."""
        if self.margin is None:
            return "one seed only"
        if abs(self.difference) <= self.margin:
            return "within noise"
        return "better" if self.difference > 0 else "worse"

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        names = [training_label(name).removeprefix("+ ") for name in (self.training, self.reference)]
        what = f"{names[0]} against {names[1]}: {self.difference:+.1f} points"
        if self.margin is None:
            return f"{what}, from a single seed on one side: no error can be given, so nothing can be concluded."
        error = f"standard error {self.standard_error:.1f}, 95 % interval {self.difference - self.margin:+.1f} to "
        error += f"{self.difference + self.margin:+.1f}, {self.seeds[0]} and {self.seeds[1]} seeds"
        ending = {
            "within noise": "the interval contains zero: within noise",
            "better": "better, beyond the noise of the seeds",
            "worse": "worse, beyond the noise of the seeds",
        }[self.judgement]
        return f"{what} ({error}): {ending}."


def compare(
    scores: pd.DataFrame, metric: str = "rank_1", *, reference: str = "real", mode: str | None = None
) -> list[Verdict]:
    """Compare every training set with the reference, in the order of the table.

    Args:
        scores: from `results.score_table`; shares.
        metric: "rank_1", "mean_ap", ...
        mode: which of the protocol's modes; the table's first by default.

    Raises:
        ValueError: the reference is not among the training sets.
    """
    rows = scores[scores["mode"] == (mode or scores["mode"].iloc[0])]
    values = {name: 100 * group[metric].to_numpy(float) for name, group in rows.groupby("training", sort=False)}
    if reference not in values:
        raise ValueError(f"no training on {reference!r} to compare with; there is {', '.join(values)}")
    base = values.pop(reference)
    return [_verdict(name, reference, ours, base) for name, ours in values.items()]


def _verdict(training: str, reference: str, ours: np.ndarray, base: np.ndarray) -> Verdict:
    return Verdict(training, reference, *welch([ours], [base]), (len(ours), len(base)))


def welch(
    plus: Sequence[np.ndarray], minus: Sequence[np.ndarray]
) -> tuple[float, float | None, float | None]:
    """Sum of the means of some samples minus that of others: difference, standard error, 95 % margin.

    Every sample has a variance of its own (Welch), and Student's t gets Welch and Satterthwaite's degrees of freedom.
    Error and margin are None where a sample has a single value.
    """
    difference = float(sum(each.mean() for each in plus) - sum(each.mean() for each in minus))
    samples = [*plus, *minus]
    if min(map(len, samples)) < 2:
        return difference, None, None
    shares = [each.var(ddof=1) / len(each) for each in samples]
    error = math.sqrt(sum(shares))
    if error == 0:
        return difference, 0.0, 0.0
    freedom = sum(shares) ** 2 / sum(
        share**2 / (len(each) - 1) for share, each in zip(shares, samples, strict=True)
    )
    margin = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return difference, error, margin


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Verdicts as a table for reading, percent points."""
    rows = [
        {
            "trained on": training_label(each.training),
            "difference": f"{each.difference:+.1f}",
            "standard error": "" if each.standard_error is None else f"{each.standard_error:.1f}",
            "95 % interval": ""
            if each.margin is None
            else f"{each.difference - each.margin:+.1f} … {each.difference + each.margin:+.1f}",
            "verdict": each.judgement,
        }
        for each in verdicts
    ]
    return pd.DataFrame(rows, columns=["trained on", "difference", "standard error", "95 % interval", "verdict"])


def overview(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean ± standard deviation over seeds of each training set, in percent, one row per mode and training set."""
    rows = [
        {
            "protocol": row["protocol"],
            "trained on": training_label(row["training"]) + f" {OLDER}" * row["older"],
            "rank-1": mean_and_std(row["rank_1"], row["rank_1_std"]),
            "rank-10": mean_and_std(row["rank_10"], row["rank_10_std"]),
            "mAP": mean_and_std(row["mean_ap"], row["mean_ap_std"]),
            "mINP": mean_and_std(row["mean_inp"], row["mean_inp_std"]),
            "seeds": row["seeds"],
            "trials": row["trials"],
        }
        for _, row in over_seeds(scores).sort_values("mode", kind="stable").iterrows()
    ]
    return pd.DataFrame(rows).set_index(["protocol", "trained on"])


def for_bars(scores: pd.DataFrame, metric: str = "rank_1", mode: str | None = None) -> dict[str, list]:
    """The arguments of `plots.bars`: labels, means, deviations (NaN for one seed) and each seed's value, percent."""
    rows = scores[scores["mode"] == (mode or scores["mode"].iloc[0])]
    groups = {name: 100 * group[metric] for name, group in rows.groupby("training", sort=False)}
    return {
        "labels": [training_label(name) for name in groups],
        "means": [float(values.mean()) for values in groups.values()],
        "deviations": [float(values.std(ddof=1)) for values in groups.values()],
        "points": [values.tolist() for values in groups.values()],
    }


def for_differences(verdicts: Iterable[Verdict]) -> dict[str, list]:
    """The arguments of `plots.differences`: labels, means and half widths of the intervals (NaN for one seed)."""
    verdicts = list(verdicts)
    return {
        "labels": [training_label(each.training) for each in verdicts],
        "means": [each.difference for each in verdicts],
        "margins": [math.nan if each.margin is None else each.margin for each in verdicts],
    }
