"""A paper's claims held against what the seeds say: each holds, does not hold, or drowns in the noise of the seeds."""

import html
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, holm
from vireid_lib.experiment.contrasts import Contrast, contrast, sample
from vireid_lib.experiment.papers import SCORES
from vireid_lib.experiment.result_tables import CAPTION, HtmlTable, has_older, mark
from vireid_lib.experiment.results import OLDER, OLDER_WORDS
from vireid_lib.experiment.studies.measured import MEASURES
from vireid_lib.experiment.studies.study import Claim, Study
from vireid_lib.experiment.verdicts import p_words

HOLDS, FAILS, NOISE, SINGLE, MISSING = "holds", "does not hold", "within noise", "one seed only", "not run"
MARKS = {HOLDS: "✓", FAILS: "✗", NOISE: "~", SINGLE: "?"}
STYLES = {HOLDS: "font-weight:600", FAILS: "font-weight:600", NOISE: "opacity:.65", SINGLE: "opacity:.65"}


@dataclass(frozen=True)
class Finding:
    """What the seeds say about a claim.

    Attributes:
        contrast: the claim's row minus the other (in points, or a distance); for a claim about two steps, the one step
            minus the other. None if a row has not been trained, or the measure is not taken of it.
        corrected: its p-value after Holm's correction over the study's claims; None for a single seed.
        older: whether older code has made one of the rows (`--keep-results`).
    """

    claim: Claim
    contrast: Contrast | None
    corrected: float | None = None
    older: bool = False

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
    def sentence(self) -> str:
        """The finding in words."""
        start = f"{self.claim.words} ({self.claim.place}): {self.verdict_words}"
        if self.contrast is None:
            return start + "."
        p_value = "" if self.corrected is None else f"; corrected p {p_words(self.corrected)}"
        over = "" if self.contrast.splits else f", {self.contrast.over}"
        return f"{start}; {MEASURES[self.claim.measure]} {self.words}{over}{p_value}."

    @property
    def words(self) -> str:
        """The difference with its 95 % interval, and over what that is if not over seeds; "" if there is none."""
        if self.contrast is None:
            return ""
        digits, unit = (1, " points") if self.claim.measure in SCORES else (3, "")
        text = f"{self.difference:+.{digits}f}{unit}"
        if self.margin is None:
            return text
        low, high = self.difference - self.margin, self.difference + self.margin
        over = f", over {self.contrast.over}" if self.contrast.splits else ""
        return f"{text} ({low:+.{digits}f} … {high:+.{digits}f}{over})"


def judge(measured: pd.DataFrame, study: Study, mode: str | None = None) -> list[Finding]:
    """Hold every claim of the study against the seeds, with Holm's correction over those whose rows were run.

    Tested one by one at 5 %, fifty claims of which none is true would show one that "holds" or "does not hold" in most
    studies. Corrected, they do in 5 % of studies at most. Claims on the same rows (rank-1 and mAP of one comparison,
    say) are one family: see `statistics.holm`.

    Args:
        measured: from `measured.measure`.
        mode: of the protocol; the first by default.
    """
    rows = measured[measured["mode"] == (mode or measured["mode"].iloc[0])]
    groups = dict(list(rows.groupby("row", sort=False)))
    older = {name for name, group in groups.items() if has_older(group)}
    findings = [Finding(claim, _contrast(claim, groups), older=bool(older & set(claim.rows))) for claim in study.claims]
    p_values = [each.contrast.p_value if each.contrast else None for each in findings]
    corrected = holm(p_values, [comparison(each.claim) for each in findings])
    return [replace(each, corrected=p_value) for each, p_value in zip(findings, corrected, strict=True)]


def comparison(claim: Claim) -> Hashable:
    """Which rows a claim sets against which, whatever is measured and whichever is said to be ahead: claims of which
    this is the same are one family."""
    return frozenset(frozenset(side.items()) for side in _sides(claim))


def _sides(claim: Claim) -> tuple[Counter[str], Counter[str]]:
    """The rows whose means are added, and those that are subtracted, with how often. Two steps may share a row: what is
    added and subtracted is not there at all, and what is added twice counts double, with twice its error."""
    start, end = claim.than_from or (None, None)
    plus, minus = Counter(filter(None, (claim.row, start))), Counter(filter(None, (claim.other, end)))
    return plus - minus, minus - plus


def _contrast(claim: Claim, groups: dict[str, pd.DataFrame]) -> Contrast | None:
    if not set(claim.rows) <= set(groups) or any(groups[name][claim.measure].isna().any() for name in claim.rows):
        return None
    return contrast(
        *([sample(groups[name], claim.measure, times) for name, times in side.items()] for side in _sides(claim))
    )


def table(findings: Iterable[Finding]) -> HtmlTable:
    """The findings for reading, without those whose rows were not trained: columns "the paper says", "where",
    "measure", "difference here (95 % interval)", "corrected p" and "verdict"."""
    shown = [each for each in findings if each.contrast is not None]
    rows = [
        {
            "the paper says": each.claim.words,
            "where": each.claim.place,
            "measure": MEASURES[each.claim.measure],
            "difference here (95 % interval)": each.words,
            "corrected p": "" if each.corrected is None else p_words(each.corrected),
            "verdict": each.verdict_words + mark(each.older),
        }
        for each in shown
    ]
    found = pd.DataFrame(rows)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in found.columns)
    body = ""
    for each, row in zip(shown, rows, strict=True):
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in list(row.values())[:-1])
        body += f'<tr>{cells}<td style="{STYLES[each.verdict]}">{MARKS[each.verdict]} {row["verdict"]}</td></tr>'
    kept = f'<caption style="{CAPTION}">{OLDER} {OLDER_WORDS}</caption>' if any(each.older for each in shown) else ""
    markup = f'<div class="table"><table>{kept}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return HtmlTable(markup, found)


def count(findings: Iterable[Finding]) -> str:
    """How many claims came out how after correction, and how many would hold without it, in two sentences."""
    findings = list(findings)
    text = f"Of {len(findings)} claims: {_counted([each.verdict for each in findings])}."
    tested = [each for each in findings if each.corrected is not None]
    if not tested:
        return text
    families = len({comparison(each.claim) for each in tested})
    before = _counted([each.before_correction for each in tested])
    return (
        f"{text} That is after Holm's correction over the {len(tested)} that could be tested ({families} "
        f"comparison{'s' * (families != 1)}); one by one, without it: {before}."
    )


def _counted(verdicts: list[str]) -> str:
    several = {HOLDS: "hold", FAILS: "do not hold"}
    parts = [
        f"{number} {kind if number == 1 else several.get(kind, kind)}"
        for kind in (HOLDS, FAILS, NOISE, SINGLE, MISSING)
        if (number := verdicts.count(kind))
    ]
    return ", ".join(parts)
