"""Findings for reading: as a table, for a figure, counted, and what they can and can't show."""

from collections.abc import Iterable
from statistics import median

import numpy as np
import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL
from vireid_lib.experiment import methods
from vireid_lib.experiment.claims import FAILS, HOLDS, MISSING, NOISE, SINGLE, Finding
from vireid_lib.experiment.metrics import MEASURES, mark
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Study
from vireid_lib.experiment.training_sets import plain_label, training_label


def for_differences(findings: Iterable[Finding]) -> dict[str, list]:
    """The arguments of `viz.differences` for findings of `compare`: labels, means, half widths of the intervals (NaN
    for one seed), and which differences are established after correction."""
    findings = list(findings)
    return {
        "labels": [training_label(each.claim.row) for each in findings],
        "means": [each.difference for each in findings],
        "margins": [np.nan if each.margin is None else each.margin for each in findings],
        "established": [each.established for each in findings],
    }


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """The findings for reading, without those whose rows were not trained; a dagger marks results of older code."""
    rows = [
        (
            each.claim.words,
            each.claim.place,
            MEASURES[each.claim.measure],
            each.words,
            each.p_words,
            each.verdict_words + mark(each.older),
        )
        for each in findings
        if each.contrast is not None
    ]
    columns = ["claim", "where", "measure", "difference (95 % interval)", "corrected p", "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    return table if table["where"].any() else table.drop(columns="where")


def count(findings: Iterable[Finding]) -> str:
    """How many claims came out how after correction, and how many would without it, in two sentences."""
    findings, several = list(findings), {HOLDS: "hold", FAILS: "do not hold"}

    def counted(verdicts: list[str]) -> str:
        numbers = [(kind, verdicts.count(kind)) for kind in (HOLDS, FAILS, NOISE, SINGLE, MISSING)]
        return ", ".join(f"{n} {kind if n == 1 else several.get(kind, kind)}" for kind, n in numbers if n)

    text = f"Of {len(findings)} claims: {counted([each.verdict for each in findings])}."
    tested = [each for each in findings if each.corrected is not None]
    if not tested:
        return text
    families = len({each.claim.family for each in tested})
    return (
        f"{text} That is after Holm's correction over the {len(tested)} that could be tested ({families} "
        f"comparison{'s' * (families != 1)}); one by one, without it: "
        f"{counted([each.before_correction for each in tested])}."
    )


def limits(run: Run, study: Study, measured: pd.DataFrame, findings: Iterable[Finding]) -> str:
    """What findings that `claims.judge` made of `measured` can and can't show, as sentences computed from them."""
    tested = [each for each in findings if each.corrected is not None]
    if not tested:
        words = ["No claim could be tested: without several trainings of a row there is no interval."]
    else:
        asked = [each.claim.measure for each in tested]
        measure = max(set(asked), key=asked.count)
        own = [each for each in tested if each.claim.measure == measure]
        margins, over = [each.margin for each in own], " or ".join(dict.fromkeys(each.contrast.over for each in own))
        words = [
            f"Were none of the {len(tested)} tested claims true, {LEVEL * len(tested):.1f} of their 95 % intervals "
            f"would leave out zero on average. After correction the probability of one or more is {LEVEL:.0%} at most.",
            f"Over {over}, the 95 % intervals of differences in {MEASURES[measure]} reach {min(margins):.2g} to "
            f"{max(margins):.2g} to either side, half of them {median(margins):.2g} or more.",
            "A claim within noise is not refuted: a step that is smaller than its interval cannot be seen here.",
        ]
    return " ".join([*words, *_fitted(run, study, measured)])


def _fitted(run: Run, study: Study, measured: pd.DataFrame) -> list[str]:
    """How often the generators of the measured rows were fitted, and whether the intervals contain that."""
    rows, fits = [study.row(name) for name in measured["row"].unique()], {}
    for row in rows:
        if (name := trained_generator(run.profile, row.training)) is not None:
            count = measured.loc[measured["row"] == row.name, "fit"].nunique() if "fit" in measured else 1
            fits.setdefault(count, {})[plain_label(name)] = None
    words = []
    if together := sorted({row.method.upper() for row in rows if row.method in methods.JOINT}):
        words.append(
            f"The generators of {', '.join(together)} were trained anew with each seed: intervals contain them."
        )
    for count, labels in sorted(fits.items()):
        if count > 1:
            how = f"{count} fits, whose pictures the seeds use in turn"
            so = f"The intervals contain the difference between fits, as far as {count} fits can show it."
        elif len(run.splits) > 1:
            how, so = "Fitted once for each split", "The intervals over splits contain that."
        else:
            how = "Fitted once"
            so = "A second fit could move all rows that have the same pictures together, and no interval contains that."
        words.append(f"{how}, with each of its settings: {', '.join(labels)}. {so}")
    return words or ["No row has pictures of a fitted generator: what varies is the ReID training."]
