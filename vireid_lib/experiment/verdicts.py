"""What a comparison over few seeds allows to say: corrected verdicts, their intervals, and sentences."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, holm
from vireid_lib.experiment.contrasts import Contrast, contrast, sample
from vireid_lib.experiment.results import OLDER, mean_and_std, over_seeds, training_label


@dataclass(frozen=True)
class Verdict:
    """How one training set compares with a reference, in percent points of one metric.

    Attributes:
        training, reference: names of the training sets.
        contrast: mean over seeds minus the reference's mean, with its error.
        corrected: the p-value after Holm's correction over the comparisons of one table; None for a single seed.
        mode: of the protocol.
    """

    training: str
    reference: str
    contrast: Contrast
    corrected: float | None = None
    mode: str = ""

    @property
    def difference(self) -> float:
        """The difference of the means."""
        return self.contrast.value

    @property
    def margin(self) -> float | None:
        """Half the width of the difference's 95 % interval, before correction (few seeds make it much wider than two
        standard errors); None where a side has a single seed, and there are no splits to pair."""
        return self.contrast.margin

    @property
    def judgement(self) -> str:
        """ "better" or "worse" if the corrected p-value is 5 % at most, else "within noise"; "one seed only"."""
        return self._judgement(self.corrected)

    @property
    def before_correction(self) -> str:
        """The same of this comparison alone: "better" or "worse" if its 95 % interval leaves out zero."""
        return self._judgement(self.contrast.p_value)

    def _judgement(self, p_value: float | None) -> str:
        if p_value is None:
            return "one seed only"
        if p_value > LEVEL:
            return "within noise"
        return "better" if self.difference > 0 else "worse"

    @property
    def judgement_words(self) -> str:
        """The judgement, and what it was before correction if that was another."""
        plain = self.before_correction
        return self.judgement if plain == self.judgement else f"{self.judgement} ({plain} before correction)"

    @property
    def noise(self) -> str:
        """Whose noise a difference must leave."""
        return f"the noise of the {'splits' if self.contrast.splits else 'seeds'}"

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        names = [training_label(name).removeprefix("+ ") for name in (self.training, self.reference)]
        what = f"{names[0]} against {names[1]}: {self.difference:+.1f} points"
        if self.margin is None:
            return f"{what}, from a single seed on one side: no error can be given, so nothing can be concluded."
        error = f"standard error {self.contrast.standard_error:.1f}, 95 % interval {_interval(self, ' to ')}, "
        error += f"over {self.contrast.over}, corrected p {p_words(self.corrected)}"
        if self.judgement != "within noise":
            ending = f"{self.judgement}, beyond {self.noise}"
        elif self.before_correction == "within noise":
            ending = "the interval contains zero: within noise"
        else:
            ending = f"{self.before_correction} before correction, but one of so many may be so by chance: within noise"
        return f"{what} ({error}): {ending}."


def compare(
    scores: pd.DataFrame, metric: str = "rank_1", *, reference: str = "real", mode: str | None = None
) -> list[Verdict]:
    """Compare every training set with the reference, in the order of the table, with Holm's correction over them.

    Args:
        scores: from `results.score_table`; shares.
        metric: "rank_1", "mean_ap", ...
        mode: which of the protocol's modes; the table's first by default.

    Raises:
        ValueError: the reference is not among the training sets.
    """
    mode = mode or scores["mode"].iloc[0]
    rows = scores[scores["mode"] == mode]
    samples = {name: sample(group, metric, 100) for name, group in rows.groupby("training", sort=False)}
    if reference not in samples:
        raise ValueError(f"no training on {reference!r} to compare with; there is {', '.join(samples)}")
    base = samples.pop(reference)
    return correct(Verdict(name, reference, contrast([ours], [base]), mode=mode) for name, ours in samples.items())


def correct(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts with p-values that are corrected over all of them (Holm). The modes of the protocol in which the
    same two training sets are compared are one family: see `statistics.holm`."""
    verdicts = list(verdicts)
    p_values = [each.contrast.p_value for each in verdicts]
    corrected = holm(p_values, [(each.training, each.reference) for each in verdicts])
    return [replace(each, corrected=p_value) for each, p_value in zip(verdicts, corrected, strict=True)]


def p_words(p_value: float) -> str:
    """A p-value for reading: two digits, and no more zeros than a table needs."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.2f}"


def _interval(verdict: Verdict, between: str) -> str:
    return f"{verdict.difference - verdict.margin:+.1f}{between}{verdict.difference + verdict.margin:+.1f}"


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Verdicts as a table for reading, percent points; the interval is each comparison's own, the verdict is after
    correction."""
    rows = [
        {
            "trained on": training_label(each.training),
            "difference": f"{each.difference:+.1f}",
            "standard error": "" if each.margin is None else f"{each.contrast.standard_error:.1f}",
            "95 % interval": ""
            if each.margin is None
            else _interval(each, " … ") + (f" (over {each.contrast.over})" if each.contrast.splits else ""),
            "corrected p": "" if each.corrected is None else p_words(each.corrected),
            "verdict": each.judgement_words,
        }
        for each in verdicts
    ]
    columns = ["trained on", "difference", "standard error", "95 % interval", "corrected p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


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
    """The arguments of `plots.differences`: labels, means, half widths of the intervals (NaN for one seed), and which
    differences are established after correction."""
    verdicts = list(verdicts)
    return {
        "labels": [training_label(each.training) for each in verdicts],
        "means": [each.difference for each in verdicts],
        "margins": [math.nan if each.margin is None else each.margin for each in verdicts],
        "established": [each.judgement in ("better", "worse") for each in verdicts],
    }
