"""What a study can show and what it can't: chance, the width of its intervals, and what was fitted only once."""

from collections.abc import Iterable, Sequence
from statistics import median

import pandas as pd

from vireid_lib import generators
from vireid_lib.evaluation.statistics import LEVEL
from vireid_lib.experiment import methods
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD
from vireid_lib.experiment.results import training_label
from vireid_lib.experiment.studies.judged import Finding
from vireid_lib.experiment.studies.measured import MEASURES
from vireid_lib.experiment.studies.study import Study
from vireid_lib.experiment.training_sets import expansion_of
from vireid_lib.generators.untrained import Untrained


def limits(run: Run, study: Study, measured: pd.DataFrame, findings: Iterable[Finding]) -> str:
    """What these findings can and can't show, as sentences computed from them.

    Args:
        measured: what the findings were judged from.
        findings: of `judged.judge`.
    """
    tested = [each for each in findings if each.corrected is not None]
    if not tested:
        words = ["No claim could be tested: without several trainings of a row there is no interval."]
    else:
        words = [
            f"Were none of the {len(tested)} tested claims true, {LEVEL * len(tested):.1f} of their 95 % intervals "
            f"would leave out zero on average. After correction the probability of one or more is {LEVEL:.0%} at most.",
            *_widths(tested),
            "A claim within noise is not refuted: a step that is smaller than its interval cannot be seen here.",
        ]
    return " ".join([*words, *_fitted(run, study, measured)])


def _widths(tested: Sequence[Finding]) -> list[str]:
    measure = max({each.claim.measure for each in tested}, key=[each.claim.measure for each in tested].count)
    own = [each for each in tested if each.claim.measure == measure]
    margins, over = [each.margin for each in own], " or ".join(dict.fromkeys(each.contrast.over for each in own))
    return [
        f"Over {over}, the 95 % intervals of differences in {MEASURES[measure]} reach {min(margins):.2g} to "
        f"{max(margins):.2g} to either side, half of them {median(margins):.2g} or more."
    ]


def _fitted(run: Run, study: Study, measured: pd.DataFrame) -> list[str]:
    rows = [study.row(name) for name in measured["row"].unique()]
    together = sorted({row.method for row in rows if row.method in methods.JOINT})
    alone = list(dict.fromkeys(name for row in rows if (name := trained_generator(row.training)) is not None))
    words = []
    if together:
        words.append(
            f"The generators of {', '.join(map(str.upper, together))} were trained anew with each seed: the "
            "intervals include them."
        )
    if alone:
        names = ", ".join(training_label(name).removeprefix("+ ") for name in alone)
        several = len(run.splits) > 1
        words.append(
            f"Fitted once for each split, with each of its settings: {names}; the intervals over splits include that."
            if several
            else f"Fitted once, with each of its settings: {names}. So the intervals are those of the ReID training "
            "alone, and a second fit could move all rows that have the same pictures together."
        )
    return words or ["No row has pictures of a fitted generator: what varies is the ReID training."]


def trained_generator(training: str) -> str | None:
    """The generator that was fitted to make training set `training`; None where nothing was fitted."""
    expansion = expansion_of(training)
    name = expansion.generator if expansion else training
    if name in ("real", *OF_THE_WORLD) or issubclass(generators.generator_class(name), Untrained):
        return None
    return name
