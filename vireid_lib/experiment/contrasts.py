"""What trainings differ by: over their seeds, or over the splits of a data set that has a network for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vireid_lib.evaluation.statistics import Difference, paired, welch
from vireid_lib.experiment.provenance import StageRecord

ONE_NETWORK_A_SPLIT = ("regdb",)
"""Rules of protocols whose trials are splits, each tested with the network that was trained on it. The trials of the
other protocols are gallery draws that one network ranks: they say nothing about another training."""

Splits = Mapping[str, Mapping[str, float]]
"""Metric → split → value."""


def split_scores(record: StageRecord, mode: str) -> Splits | None:
    """A training's scores on each split, shares; None where one network was trained.

    Args:
        record: of a stage that records `values["evaluations"]`, as `Run.evaluate` does.
    """
    evaluation = record.values.get("evaluations", {}).get(mode)
    if evaluation is None or evaluation["protocol"]["rule"] not in ONE_NETWORK_A_SPLIT:
        return None
    return {
        metric: {trial["name"]: trial[metric] for trial in evaluation["trials"]}
        for metric in evaluation["deviation_over_trials"]
    }


def mean_over_seeds(splits: Sequence[Splits | None]) -> Splits | None:
    """The mean over seeds of what `split_scores` found for each; None unless all have the same splits.

    Seeds are averaged within a split before splits are compared: the networks of one split have learned from the same
    people and are tested on the same others, so that their scores are no independent values. The split is the unit.
    """
    if not len(splits) or not all(isinstance(each, Mapping) for each in splits):
        return None
    names = [{metric: list(by_split) for metric, by_split in each.items()} for each in splits]
    if any(each != names[0] for each in names):
        return None
    return {
        metric: {split: float(np.mean([each[metric][split] for each in splits])) for split in by_split}
        for metric, by_split in splits[0].items()
    }


@dataclass(frozen=True)
class Sample:
    """What was measured of one setting: a value for each seed, and for each split, if it has networks of its own."""

    seeds: np.ndarray
    splits: Mapping[str, float] | None = None


def sample(rows: pd.DataFrame, measure: str, unit: float = 1.0) -> Sample:
    """The sample of one setting.

    Args:
        rows: one for each seed, with a column `measure` and, if there are splits, `splits` (as `split_scores` says).
        unit: factor of all values; 100 makes percent of shares.
    """
    splits = mean_over_seeds(list(rows["splits"])) if "splits" in rows else None
    by_split = {name: unit * value for name, value in splits[measure].items()} if measure in (splits or {}) else None
    return Sample(unit * rows[measure].to_numpy(float), by_split)


@dataclass(frozen=True)
class Contrast(Difference):
    """A difference between settings, and of how many values it was made.

    Attributes:
        seeds: of each setting.
        splits: over which it is paired; 0 where it is over seeds.
    """

    seeds: tuple[int, ...] = ()
    splits: int = 0

    @property
    def over(self) -> str:
        """What the interval is over: "10 splits", "3 seeds", "3 and 2 seeds"."""
        if self.splits:
            return f"{self.splits} splits"
        numbers = list(dict.fromkeys(self.seeds))
        return f"{' and '.join(map(str, numbers))} seed{'s' * (numbers != [1])}"


def contrast(plus: Sequence[Sample], minus: Sequence[Sample]) -> Contrast:
    """The sum of the means of some settings minus that of others.

    Where every setting has a network for each of the same two splits or more, the difference is taken within each
    split, and the interval is Student's over splits (`statistics.paired`): what makes a split easy for one side makes
    it easy for the other. It is about other trainings on other splits of the same people; ten splits of one set of
    people share most of them, so that new people would spread more (Nadeau and Bengio, "Inference for the
    Generalization Error", Machine Learning 2003). Elsewhere the interval is Welch's over seeds.
    """
    samples = [*plus, *minus]
    seeds = tuple(len(each.seeds) for each in samples)
    names = list(samples[0].splits or ())
    if len(names) > 1 and all(set(each.splits or ()) == set(names) for each in samples):
        sides = [[np.array([each.splits[name] for name in names]) for each in side] for side in (plus, minus)]
        found, splits = paired(*sides), len(names)
    else:
        found, splits = welch(*([each.seeds for each in side] for side in (plus, minus))), 0
    return Contrast(found.value, found.standard_error, found.freedom, seeds, splits)
