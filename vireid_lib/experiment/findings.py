"""Findings for reading: as a table, for a figure, counted, and what they can and can't show."""

import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL
from vireid_lib.experiment import methods
from vireid_lib.experiment.claims import FAILS, HOLDS, MISSING, NOISE, SINGLE
from vireid_lib.experiment.metrics import MEASURES, mark
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Study
from vireid_lib.experiment.training_sets import plain_label, training_label


def for_differences(findings: pd.DataFrame) -> dict[str, list]:
    """The arguments of `viz.differences` for findings of `compare`; established is what is so after correction."""
    drawn = findings.assign(labels=findings["row"].map(training_label), means=findings["difference"])
    drawn = drawn.assign(margins=findings["margin"], established=findings["verdict"].isin([HOLDS, FAILS]))
    return drawn[["labels", "means", "margins", "established"]].to_dict("list")


def findings_table(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings for reading, without those whose rows were not trained; a dagger marks results of older code."""
    found = findings[findings["verdict"] != MISSING]
    verdicts = [
        f"{one.verdict}{f' ({one.alone} before correction)' * (one.alone != one.verdict)}{mark(one.older)}"
        for one in found.itertuples()
    ]
    table = pd.DataFrame(
        {
            "claim": found["claim"],
            "where": found["place"],
            "measure": found["measure"].map(MEASURES),
            "difference (95 % interval)": found["words"],
            "corrected p": found["corrected"].map(_p_words),
            "verdict": verdicts,
        }
    ).reset_index(drop=True)
    return table if table["where"].any() else table.drop(columns="where")


def _p_words(p: float) -> str:
    """Two digits, and no more zeros than a table needs; "" if there is none."""
    return "" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def count(findings: pd.DataFrame) -> str:
    """How many claims came out how after correction, and how many would without it, in two sentences."""
    several, tested = {HOLDS: "hold", FAILS: "do not hold"}, findings[findings["corrected"].notna()]

    def counted(verdicts: pd.Series) -> str:
        numbers = [(kind, (verdicts == kind).sum()) for kind in (HOLDS, FAILS, NOISE, SINGLE, MISSING)]
        return ", ".join(f"{n} {kind if n == 1 else several.get(kind, kind)}" for kind, n in numbers if n)

    text = f"Of {len(findings)} claims: {counted(findings['verdict'])}."
    if tested.empty:
        return text
    families = tested["family"].nunique()
    return (
        f"{text} That is after Holm's correction over the {len(tested)} that could be tested ({families} "
        f"comparison{'s' * (families != 1)}); one by one, without it: {counted(tested['alone'])}."
    )


def limits(run: Run, study: Study, measured: pd.DataFrame, findings: pd.DataFrame) -> str:
    """What findings that `claims.judge` made of `measured` can and can't show, as sentences computed from them."""
    tested = findings[findings["corrected"].notna()]
    if tested.empty:
        words = ["No claim could be tested: without several trainings of a row there is no interval."]
    else:
        measure = tested["measure"].value_counts().idxmax()
        own = tested[tested["measure"] == measure]
        margins, over = own["margin"], " or ".join(own["over"].unique())
        words = [
            f"Were none of the {len(tested)} tested claims true, {LEVEL * len(tested):.1f} of their 95 % intervals "
            f"would leave out zero on average. After correction the probability of one or more is {LEVEL:.0%} at most.",
            f"Over {over}, the 95 % intervals of differences in {MEASURES[measure]} reach {margins.min():.2g} to "
            f"{margins.max():.2g} to either side, half of them {margins.median():.2g} or more.",
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
