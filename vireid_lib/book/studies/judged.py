"""A paper's claims held against what the seeds say: each holds, does not hold, or drowns in the noise of the seeds."""

import html
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from vireid_lib.book.papers import SCORES
from vireid_lib.book.result_tables import HtmlTable
from vireid_lib.book.studies.measured import MEASURES
from vireid_lib.book.studies.study import Claim, Study
from vireid_lib.book.verdicts import welch

HOLDS, FAILS, NOISE, SINGLE, MISSING = "holds", "does not hold", "within noise", "one seed only", "not run"
MARKS = {HOLDS: "✓", FAILS: "✗", NOISE: "~", SINGLE: "?"}
STYLES = {HOLDS: "font-weight:600", FAILS: "font-weight:600", NOISE: "opacity:.65", SINGLE: "opacity:.65"}


@dataclass(frozen=True)
class Finding:
    """What the seeds say about a claim.

    Attributes:
        difference: mean over seeds of the claim's row minus that of the other (in points, or a distance); for a claim
            about two steps, the one step minus the other. None if a row has not been trained.
        standard_error, margin: of the difference (Welch), and half the width of its 95 % interval; None for a single
            seed.
        seeds: the fewest seeds of a row.
    """

    claim: Claim
    difference: float | None
    standard_error: float | None
    margin: float | None
    seeds: int

    @property
    def verdict(self) -> str:
        """ "holds" or "does not hold" if the 95 % interval leaves out zero, else "within noise"; "one seed only" where
        there is no interval, "not run" where a row has not been trained."""
        if self.difference is None:
            return MISSING
        if self.margin is None:
            return SINGLE
        if abs(self.difference) <= self.margin:
            return NOISE
        return HOLDS if (self.difference > 0) == (self.claim.direction == "larger") else FAILS

    @property
    def sentence(self) -> str:
        """The finding in words."""
        start = f"{self.claim.words} ({self.claim.place}): {self.verdict}"
        if self.difference is None:
            return start + "."
        return f"{start}; {MEASURES[self.claim.measure]} {self.words}, {self.seeds} seeds."

    @property
    def words(self) -> str:
        """The difference with its 95 % interval, "" if there is none."""
        if self.difference is None:
            return ""
        digits, unit = (1, " points") if self.claim.measure in SCORES else (3, "")
        text = f"{self.difference:+.{digits}f}{unit}"
        if self.margin is None:
            return text
        low, high = self.difference - self.margin, self.difference + self.margin
        return f"{text} ({low:+.{digits}f} … {high:+.{digits}f})"


def judge(measured: pd.DataFrame, study: Study, mode: str | None = None) -> list[Finding]:
    """Hold every claim of the study against the seeds.

    Args:
        measured: from `measured.measure`.
        mode: of the protocol; the first by default.
    """
    rows = measured[measured["mode"] == (mode or measured["mode"].iloc[0])]
    groups = dict(list(rows.groupby("row", sort=False)))
    return [_finding(claim, groups) for claim in study.claims]


def _finding(claim: Claim, groups: dict[str, pd.DataFrame]) -> Finding:
    if not set(claim.rows) <= set(groups):
        return Finding(claim, None, None, None, 0)
    value = {name: groups[name][claim.measure].to_numpy(float) for name in claim.rows}
    plus, minus = [value[claim.row]], [value[claim.other]]
    if claim.than_from:
        start, end = claim.than_from
        plus.append(value[start])
        minus.append(value[end])
    return Finding(claim, *welch(plus, minus), min(map(len, value.values())))


def table(findings: Iterable[Finding]) -> HtmlTable:
    """The findings for reading, without those whose rows were not trained: columns "the paper says", "where",
    "measure", "difference here (95 % interval)" and "verdict"."""
    rows = [
        {
            "the paper says": each.claim.words,
            "where": each.claim.place,
            "measure": MEASURES[each.claim.measure],
            "difference here (95 % interval)": each.words,
            "verdict": each.verdict,
        }
        for each in findings
        if each.difference is not None
    ]
    found = pd.DataFrame(rows)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in found.columns)
    body = ""
    for row in rows:
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in list(row.values())[:-1])
        body += f'<tr>{cells}<td style="{STYLES[row["verdict"]]}">{MARKS[row["verdict"]]} {row["verdict"]}</td></tr>'
    markup = f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return HtmlTable(markup, found)


def count(findings: Iterable[Finding]) -> str:
    """How many claims came out how, in a sentence."""
    verdicts, several = [each.verdict for each in findings], {HOLDS: "hold", FAILS: "do not hold"}
    parts = [f"{number} {kind if number == 1 else several.get(kind, kind)}"
             for kind in (HOLDS, FAILS, NOISE, SINGLE, MISSING) if (number := verdicts.count(kind))]  # fmt: skip
    return f"Of {len(verdicts)} claims: {', '.join(parts)}."
