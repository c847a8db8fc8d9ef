"""Comparisons of trainings, and the papers' claims about them: corrected verdicts, and these for reading."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, holm
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.contrasts import Claim, Contrast, contrast, in_percent
from vireid_lib.experiment.metrics import MEASURES, digits_of, has_older, mark
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Study
from vireid_lib.experiment.training_sets import plain_label, training_label

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
        told = (None, None, None, "", "", "")
        if (found := contrast(claim, groups)) is not None:
            told = (found.value, found.margin, found.p_value, found.over, found.within, _words(found, claim.measure))
        about = (claim.words, claim.place, claim.measure, claim.row, claim.other, claim.direction, claim.family, mode)
        rows.append((*about, bool(older & set(claim.rows)), *told))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return correct(table.astype({name: float for name in ("difference", "margin", "p")}))


def _words(found: Contrast, measure: str) -> str:
    """A difference with its interval, "+2.0 points (+1.1 … +2.9)"."""
    digits = digits_of(measure)
    words = f"{found.value:+.{digits}f}{' points' * (digits == 1)}"
    if found.margin is None:
        return words
    ends = (f"{found.value + side * found.margin:+.{digits}f}" for side in (-1, 1))
    return f"{words} ({' … '.join(ends)}{f', over {found.over}' * (found.within == 'split')})"


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


def for_differences(findings: pd.DataFrame) -> dict[str, list]:
    """The arguments of `viz.differences` for findings of `compare`; established is what is so after correction."""
    found = {"labels": findings["row"].map(training_label), "means": findings["difference"]}
    found |= {"margins": findings["margin"], "established": findings["verdict"].isin([HOLDS, FAILS])}
    return {name: column.tolist() for name, column in found.items()}


def findings_table(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings for reading, without those whose rows were not trained; a dagger marks results of older code."""
    found = findings[findings["verdict"] != MISSING]
    verdicts = [
        f"{one.verdict}{f' ({one.alone} before correction)' * (one.alone != one.verdict)}{mark(one.older)}"
        for one in found.itertuples()
    ]
    table = found[["claim", "place", "measure", "words", "corrected"]].reset_index(drop=True).assign(verdict=verdicts)
    table["measure"], table["corrected"] = table["measure"].map(MEASURES), table["corrected"].map(_p_words)
    heads = {"place": "where", "words": "difference (95 % interval)", "corrected": "corrected p"}
    table = table.rename(columns=heads)
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

    text, families = f"Of {len(findings)} claims: {counted(findings['verdict'])}.", tested["family"].nunique()
    if len(tested):
        text += f" That is after Holm's correction over the {len(tested)} that could be tested ({families} comparison"
        text += f"{'s' * (families != 1)}); one by one, without it: {counted(tested['alone'])}."
    return text


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
    joint = {row.method for row in rows if method_registry.method_class(row.method).starts_from}
    if together := sorted(method.upper() for method in joint):
        named = ", ".join(together)
        words.append(f"The generators of {named} were trained anew with each seed: intervals contain them.")
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
