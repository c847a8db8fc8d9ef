"""A claim about trainings, and the difference that tests it, over splits or over seeds and parts of the identities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.evaluation.statistics import Difference, crossed, paired, welch
from vireid_lib.experiment.provenance import StageRecord

ONE_NETWORK_A_SPLIT = ("regdb",)
"""Rules of protocols whose trials are splits, each tested with the network that was trained on it. The trials of the
other protocols are gallery draws that one network ranks: they say nothing about another training."""

Splits = Mapping[str, Mapping[str, float]]
"""Metric → split → value."""

Parts = Mapping[str, Sequence[float]]
"""Metric → value on each part of the test identities, the mean over the part's trials."""


@dataclass(frozen=True)
class Claim:
    """A statement: some measure is larger (or smaller) in a row than in another.

    Attributes:
        words: the statement, e.g. "Under random erasing, HT has a larger IIRS(V,V) than WRT".
        place: where the paper says so, e.g. "Table 1, section 3.1".
        measure: a key of `metrics.MEASURES`, e.g. "rank_1" or "iirs_visible".
        row, other: the two rows' names.
        direction: whether `row` is said to have the "larger" or the "smaller" value.
        than_from: two more rows: the claim is then that the step from `other` to `row` is larger (smaller) than the
            step from the first to the second of these.
    """

    words: str
    place: str
    measure: str
    row: str
    other: str
    direction: Literal["larger", "smaller"] = "larger"
    than_from: tuple[str, str] | None = None

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row that it speaks of."""
        return (self.row, self.other, *(self.than_from or ()))

    @property
    def sides(self) -> tuple[Counter[str], Counter[str]]:
        """The rows whose means are added, and those that are subtracted, with how often. Two steps may share a row:
        what is added and subtracted is not there at all, and what is added twice counts double, with twice its
        error."""
        start, end = self.than_from or (None, None)
        plus, minus = Counter(filter(None, (self.row, start))), Counter(filter(None, (self.other, end)))
        return plus - minus, minus - plus

    @property
    def family(self) -> Hashable:
        """Which rows it sets against which, whatever is measured and whichever is said to be ahead. Claims of one
        family are corrected as one: see `statistics.holm`."""
        return frozenset(frozenset(side.items()) for side in self.sides)


@dataclass(frozen=True)
class Contrast(Difference):
    """A difference between settings.

    Attributes:
        over: of what the interval is: "10 splits", "5 seeds × 4 galleries", "5 seeds", "3 and 2 seeds, not paired".
        within: what the difference was taken within, if it was: each split or each seed.
    """

    over: str = ""
    within: Literal["split", "seed", ""] = ""


def unit_scores(record: StageRecord, mode: str) -> dict[str, Splits | Parts | None]:
    """The scores of an evaluation (`Run.evaluate`), shares: "splits" on each split, where each has a network of its
    own, else None; "parts" elsewhere on each part of the test identities, one where they are one gallery."""
    evaluation = record.values["evaluations"][mode]
    metrics, trials = list(evaluation["deviation_over_trials"]), pd.DataFrame(evaluation["trials"])
    if evaluation["protocol"]["rule"] in ONE_NETWORK_A_SPLIT:
        return {"splits": trials.set_index("name")[metrics].to_dict(), "parts": None}
    of_parts = trials.groupby(trials["part"] if "part" in trials else [0] * len(trials))  # older records know none
    parts = {metric: [float(np.mean(own[metric].tolist())) for _, own in of_parts] for metric in metrics}
    return {"splits": None, "parts": parts}


def mean_over_seeds(splits: Sequence[Splits | None]) -> Splits | None:
    """The mean over seeds of the splits of `unit_scores`; None unless all have the same. Seeds are averaged within a
    split, for the networks of one split have learned from the same identities and are tested on the same others: their
    scores are no independent values."""
    if not len(splits) or not all(isinstance(each, Mapping) for each in splits):
        return None
    first, *others = (pd.DataFrame(each) for each in splits)
    if any(not (own.axes[0].equals(first.index) and own.axes[1].equals(first.columns)) for own in others):
        return None
    return pd.DataFrame(np.mean([first, *others], axis=0), first.index, first.columns).to_dict()


def in_percent(shares: Splits | Parts | None) -> Splits | Parts | None:
    """Shares of splits or of parts in percent; None where there are none."""
    if not isinstance(shares, Mapping):
        return None
    lists = any(isinstance(own, list) for own in shares.values())
    return (100 * pd.DataFrame(shares)).to_dict("list" if lists else "dict")


def contrast(claim: Claim, groups: Mapping[str, pd.DataFrame]) -> Contrast | None:
    """The sum of the means of some settings minus that of others; None if one has not been trained, or the measure is
    not taken of it.

    Where every setting has a network for each of the same two splits or more, the difference is taken within each
    split, and the interval is Student's over splits (`statistics.paired`): what makes a split easy for one side makes
    it easy for the other. It is about other trainings on other splits of the same identities; ten splits of one set of
    identities share most of them, so that new ones would spread more (Nadeau and Bengio, "Inference for the
    Generalization Error", Machine Learning 2003).

    Elsewhere, where all settings were trained with the same seeds, which share initial weights and batches (see
    `reid.train.train_reid`), the difference is taken within each seed, and, for scores, within each part of the test
    identities. The interval is then over seeds and parts as two crossed samples (`statistics.crossed`): it is about
    other seeds and other test identities of the same kind, and about no other fit of a generator. With other seeds on
    either side the interval is Welch's over seeds.
    """
    measure, rows, sides = claim.measure, claim.rows, claim.sides
    if not set(rows) <= set(groups) or any(groups[name][measure].isna().any() for name in rows):
        return None
    averaged = {name: mean_over_seeds(list(groups[name].get("splits", ()))) or {} for name in rows}
    splits = {name: each.get(measure, {}) for name, each in averaged.items()}
    names = list(splits[rows[0]])
    if len(names) > 1 and all(set(each) == set(names) for each in splits.values()):
        of_sides = [
            [np.array([times * splits[name][split] for split in names]) for name, times in side.items()]
            for side in sides
        ]
        return Contrast(**vars(paired(*of_sides)), over=f"{len(names)} splits", within="split")
    values = [[times * groups[name][measure].to_numpy(float) for name, times in side.items()] for side in sides]
    numbers = list(dict.fromkeys(len(each) for side in values for each in side))
    over = f"{' and '.join(map(str, numbers))} seed{'s' * (numbers != [1])}"
    if (differences := _within_seeds(claim, groups)) is None:
        return Contrast(**vars(welch(*values)), over=over + ", not paired" * (max(numbers) > 1))
    over += f" × {differences.shape[1]} galleries" * (differences.shape[1] > 1)
    return Contrast(**vars(crossed(differences)), over=over, within="seed")


def _within_seeds(claim: Claim, groups: Mapping[str, pd.DataFrame]) -> Float[np.ndarray, "seeds parts"] | None:
    """The difference for each seed and part of the test identities, with one part where the measure is not taken of
    parts; None unless all rows were trained with the same seeds."""
    seeds = [groups[name]["seed"].tolist() for name in claim.rows]
    if any(each != seeds[0] for each in seeds) or len(set(seeds[0])) < len(seeds[0]):
        return None
    scores = {name: by_part(groups[name], claim.measure) for name in claim.rows}
    if len({each.shape for each in scores.values()}) > 1:
        scores = {name: groups[name][claim.measure].to_numpy(float)[:, None] for name in claim.rows}
    plus, minus = ([times * scores[name] for name, times in side.items()] for side in claim.sides)
    return sum(plus) - sum(minus)


def by_part(rows: pd.DataFrame, measure: str) -> Float[np.ndarray, "rows parts"]:
    """A measure of each row on each part of the test identities; on the whole where it is not known of parts."""
    held = rows["parts"] if "parts" in rows else [None]
    parts = [each.get(measure, ()) if isinstance(each, Mapping) else () for each in held]
    if len(counts := set(map(len, parts))) > 1 or counts == {0}:
        return rows[measure].to_numpy(float)[:, None]
    return np.array(parts, float)
