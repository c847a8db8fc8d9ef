"""What a study's seeds can show, before it runs: the smallest difference that would leave the noise."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from vireid_lib.evaluation.statistics import LEVEL, smallest_difference, variance_components
from vireid_lib.experiment import results
from vireid_lib.experiment.claims import measured_of
from vireid_lib.experiment.contrasts import by_part
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.study import Study, trainable

Scatter = tuple[tuple[float, float, float], int]
"""How much paired differences between trainings of one method scatter: the variances of seeds, galleries and the rest
(squared points; see `statistics.variance_components`), and of how many pairs of settings they are the mean."""


def scatter(scores: pd.DataFrame, methods: Sequence[str], metric: str, mode: str) -> Scatter | None:
    """The scatter of all pairs of settings with the same seeds, each of one of the methods; None without any.
    `scores`: from `results.score_table`; shares."""
    asked = scores[(scores["mode"] == mode) & scores["method"].isin(methods)].sort_values("seed", kind="stable")
    settings: dict[tuple, list[np.ndarray]] = {}
    percent = measured_of(asked, metric).rename(columns={"row": "training"})
    for about, rows in percent.groupby(results.SETTING, sort=False, dropna=False):
        seeds = tuple(rows["seed"])
        if len(set(seeds)) == len(seeds) > 1 and not rows["splits"].map(bool).any():
            values = by_part(rows, metric)
            settings.setdefault((about[results.SETTING.index("method")], seeds, values.shape), []).append(values)
    found = [
        (len(seeds) - 1, variance_components(one - other))
        for (_, seeds, _), held in settings.items()
        for one, other in combinations(held, 2)
    ]
    if not found:
        return None
    weights, variances = zip(*found, strict=True)
    return tuple(np.average(variances, axis=0, weights=weights).tolist()), len(found)


def smallest(run: Run, study: Study, *, full: bool = False) -> str:
    """The smallest difference in rank-1 that the profile's seeds can show in this study, in words: for one comparison,
    and for the first that Holm's correction over the study's claims lets through. The scatter of the differences is
    that of finished trainings of the rows' methods in this workspace, in the profile's first mode. Without any, the
    answer is in standard deviations of the difference of one seed."""
    if len(run.splits) > 1:
        return f"Differences are taken within each of {len(run.splits)} splits, whose scatter is not known beforehand."
    rows, evaluation = trainable(run, study.chosen(full)), run.profile.evaluation
    names, methods = {row.name for row in rows}, sorted({row.method for row in rows})
    families = len({claim.family for claim in study.claims if set(claim.rows) <= names})
    seeds, parts = len(run.profile.reid.seeds), evaluation.galleries
    if seeds < 2:
        return "One seed: no difference can be told from noise."
    unit, scale = "standard deviations of one seed's difference", {}
    basis = "How large that is, no finished training here can tell; galleries add to it."
    if known := scatter(results.scores(run, others=True), methods, "rank_1", evaluation.modes[0]):
        unit, (variances, pairs) = "points", known
        scale = {"parts": parts, "variances": variances}
        basis = f"The scatter is that of {pairs} pair{'s' * (pairs != 1)} of finished settings of "
        basis += f"{', '.join(methods)} here."
    levels = {"one comparison": LEVEL}
    if families > 1:
        levels[f"the first of {families} after Holm's correction"] = LEVEL / families
    least = {words: smallest_difference(seeds, level=level, **scale) for words, level in levels.items()}
    shown = ", ".join(f"{points:.2g} {unit} for {words}" for words, points in least.items())
    over = f"{seeds} paired seeds" + f" × {parts} galleries" * (parts > 1)
    return f"The smallest difference in rank-1 that {over} can show: {shown}. {basis}"
