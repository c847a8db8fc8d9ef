"""Comparisons of trainings, and the papers' claims about them: differences, their intervals, corrected verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, holm
from vireid_lib.experiment.contrasts import Claim, Contrast, contrast, in_percent
from vireid_lib.experiment.metrics import digits_of
from vireid_lib.experiment.training_sets import plain_label

NOISE, SINGLE, MISSING = "within noise", "one seed only", "not run"
HOLDS, FAILS = "holds", "does not hold"


def better(row: str, other: str, words: str, place: str, measure: str = "rank_1") -> Claim:
    """The claim that a row scores higher than another."""
    return Claim(words, place, measure, row, other)


@dataclass(frozen=True)
class Finding:
    """What the trainings say about a claim.

    Attributes:
        contrast: the claim's row minus the other (in points, or a distance); for a claim about two steps, the one step
            minus the other. None if a row has not been trained, or the measure is not taken of it.
        corrected: its p-value after Holm's correction over all claims that were tested; None for a single seed.
        older: whether older code has made one of the rows (`--keep-results`).
    """

    claim: Claim
    contrast: Contrast | None
    corrected: float | None = None
    older: bool = False
    mode: str = ""

    @property
    def difference(self) -> float | None:
        """The difference of the means."""
        return None if self.contrast is None else self.contrast.value

    @property
    def margin(self) -> float | None:
        """Half the width of its 95 % interval, before correction; None for a single seed."""
        return None if self.contrast is None else self.contrast.margin

    @property
    def verdict(self) -> str:
        """ "holds" or "does not hold" if the corrected p-value is 5 % at most, else "within noise"; "one seed only"
        where there is no p-value, "not run" where a row has not been trained."""
        return self._verdict(self.corrected)

    @property
    def before_correction(self) -> str:
        """The verdict of this claim alone: "holds" or "does not hold" if its 95 % interval leaves out zero."""
        return self._verdict(None if self.contrast is None else self.contrast.p_value)

    @property
    def established(self) -> bool:
        """Whether there is a difference, in either direction, after correction."""
        return self.verdict in (HOLDS, FAILS)

    def _verdict(self, p_value: float | None) -> str:
        if self.contrast is None:
            return MISSING
        if p_value is None:
            return SINGLE
        if p_value > LEVEL:
            return NOISE
        return HOLDS if (self.contrast.value > 0) == (self.claim.direction == "larger") else FAILS

    @property
    def verdict_words(self) -> str:
        """The verdict, and what it was before correction if that was another."""
        plain = self.before_correction
        return self.verdict if plain == self.verdict else f"{self.verdict} ({plain} before correction)"

    @property
    def p_words(self) -> str:
        """The corrected p-value for reading: two digits, and no more zeros than a table needs; "" if there is none."""
        if (p := self.corrected) is None:
            return ""
        return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"

    @property
    def words(self) -> str:
        """The difference with its 95 % interval, and over what that is if not over seeds; "" if there is none."""
        if self.contrast is None:
            return ""
        digits = digits_of(self.claim.measure)
        text = f"{self.difference:+.{digits}f}{' points' * (digits == 1)}"
        if self.margin is None:
            return text
        low, high = self.difference - self.margin, self.difference + self.margin
        over = f", over {self.contrast.over}" if self.contrast.splits else ""
        return f"{text} ({low:+.{digits}f} … {high:+.{digits}f}{over})"


def judge(measured: pd.DataFrame, claims: Iterable[Claim], mode: str | None = None) -> list[Finding]:
    """Test every claim against the trainings, with Holm's correction over those whose rows were run: of fifty claims of
    which none is true, one or more would "hold" or "not hold" in most studies, and corrected in 5 % of them at most.

    Args:
        measured: a row for each setting and seed: columns row, mode, seed, the measures, and, where they are known,
            splits, parts (see `unit_scores`) and older.
        mode: of the protocol; the first by default.
    """
    mode = mode or measured["mode"].iloc[0]
    of_mode = measured[measured["mode"] == mode].sort_values("seed", kind="stable")  # within which pairs are looked for
    groups = dict(list(of_mode.groupby("row", sort=False)))
    older = {name for name, group in groups.items() if "older" in group and group["older"].any()}
    return correct(
        Finding(claim, contrast(claim, groups), older=bool(older & set(claim.rows)), mode=mode) for claim in claims
    )


def compare(
    scores: pd.DataFrame, metric: str = "rank_1", *, reference: str = "real", mode: str | None = None
) -> list[Finding]:
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
        better(name, reference, f"{label[name]}: better than {label[reference]}", "", metric)
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


def correct(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with p-values that are corrected over all of them (Holm, claims of one family as one)."""
    findings = list(findings)
    p_values = [each.contrast.p_value if each.contrast else None for each in findings]
    corrected = holm(p_values, [each.claim.family for each in findings])
    return [replace(each, corrected=p_value) for each, p_value in zip(findings, corrected, strict=True)]
