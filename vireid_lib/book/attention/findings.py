"""What attention on people says: means by piece of the prompt, and the paper's claim put to the numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import scipy.stats

LABELS = ("start", "a", "[k]", "photo", "of", "[p]", "person", "end")
"""Pieces of the prompt, in order; "start" is the start token, "end" the end token and all padding."""


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over images: rows resolution and piece; concentration, its deviation, share (%)."""
    grouped = measured.groupby(["resolution", "piece"], sort=False)
    table = pd.DataFrame(
        {
            "concentration": grouped["concentration"].mean(),
            "standard deviation": grouped["concentration"].std(),
            "share of all attention (%)": 100 * grouped["share"].mean(),
            "images": grouped.size(),
        }
    )
    return table.reset_index()


def shares(measured: pd.DataFrame) -> pd.DataFrame:
    """Share of all attention in percent: a row per piece of the prompt, a column per resolution, the finest first."""
    table = measured.pivot_table(index="piece", columns="resolution", values="share", sort=False) * 100
    return table.loc[list(LABELS)].rename_axis(columns=None)


@dataclass(frozen=True)
class Finding:
    """One half of the paper's claim about its Figure 6, put to the numbers.

    Attributes:
        claim: in words.
        mean, margin: the measured mean over images and half its 95 % confidence interval.
        verdict: "supported", "contradicted" or "undecided".
    """

    claim: str
    mean: float
    margin: float
    verdict: str


def findings(measured: pd.DataFrame) -> list[Finding]:
    """Test "modality token emphasizes global features ... the ID token focuses more on the person's area".

    Each image counts once: its mean over resolutions. Intervals are Student's, over images.
    """
    per_image = measured.groupby(["image", "piece"])["concentration"].mean().unstack()
    person, code = per_image["[p]"], per_image["[k]"]
    return [
        _finding("[p] lies on the person more than on an average place (concentration − 1 > 0)", person - 1),
        _finding("[p] lies on the person more than [k] does (difference of concentrations > 0)", person - code),
        _finding(
            "[k] is spread more evenly than [p] (its concentration is nearer to 1)",
            (person - 1).abs() - (code - 1).abs(),
        ),
    ]


def _finding(claim: str, values: pd.Series) -> Finding:
    mean, count = float(values.mean()), len(values)
    margin = float(scipy.stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / count**0.5)
    verdict = "undecided" if abs(mean) <= margin else "supported" if mean > 0 else "contradicted"
    return Finding(claim, mean, margin, verdict)


def verdicts(measured: pd.DataFrame) -> pd.DataFrame:
    """`findings` for reading: columns claim, measured (mean with its 95 % interval), verdict."""
    rows = [
        {"claim": each.claim, "measured": f"{each.mean:+.3f} ± {each.margin:.3f}", "verdict": each.verdict}
        for each in findings(measured)
    ]
    return pd.DataFrame(rows)


def conclusion(measured: pd.DataFrame) -> str:
    """What follows for the paper's sentence, from the three findings."""
    on_person, more_than_code, evener = (each.verdict for each in findings(measured))
    code = _finding("", measured[measured["piece"] == "[k]"].groupby("image")["concentration"].mean() - 1)
    where = {
        "supported": "more on the person",
        "contradicted": "more in the background",
        "undecided": "as much on the person as anywhere",
    }[code.verdict]
    first = {
        "supported": "The identity token focuses on the person's area, as the paper says.",
        "contradicted": "The identity token avoids the person's area, against what the paper says.",
        "undecided": "Whether the identity token prefers the person's area cannot be told from these images.",
    }[on_person]
    second = {
        "supported": "It is heard more on the person than the modality token is.",
        "contradicted": "It is heard less on the person than the modality token is.",
        "undecided": "In that, it does not measurably differ from the modality token.",
    }[more_than_code]
    third = {
        "supported": "The modality token is the more even of the two, as the paper says.",
        "contradicted": "The modality token is the less even of the two, against what the paper says.",
        "undecided": "Which of the two is spread more evenly cannot be told.",
    }[evener]
    return (
        f"{first} {second} {third} The modality token is heard {where} "
        f"(concentration {1 + code.mean:.2f} ± {code.margin:.2f})."
    )
