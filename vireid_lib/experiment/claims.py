"""Comparisons of trainings, and the papers' claims about them: differences, their intervals, corrected verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.evaluation.statistics import LEVEL, Difference, crossed, holm, paired, welch
from vireid_lib.experiment.metrics import MEASURES, digits_of, mark
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import plain_label, training_label

ONE_NETWORK_A_SPLIT = ("regdb",)
"""Rules of protocols whose trials are splits, each tested with the network that was trained on it. The trials of the
other protocols are gallery draws that one network ranks: they say nothing about another training."""

NOISE, SINGLE, MISSING = "within noise", "one seed only", "not run"
HOLDS, FAILS = "holds", "does not hold"

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


def better(row: str, other: str, words: str, place: str, measure: str = "rank_1") -> Claim:
    """The claim that a row scores higher than another."""
    return Claim(words, place, measure, row, other)


def smaller(row: str, other: str, words: str, place: str, measure: str) -> Claim:
    """The claim that a row has a smaller value than another."""
    return Claim(words, place, measure, row, other, "smaller")


def more(step: tuple[str, str], than: tuple[str, str], words: str, place: str, measure: str = "rank_1") -> Claim:
    """The claim that a measure grows more from the first to the second row of a step than in another step."""
    return Claim(words, place, measure, step[1], step[0], than_from=than)


@dataclass(frozen=True)
class Contrast(Difference):
    """A difference between settings.

    Attributes:
        over: of what the interval is: "10 splits", "5 seeds × 4 galleries", "5 seeds", "3 and 2 seeds, not paired".
        splits: over which it is paired; 0 where it is over seeds.
        paired: whether it was taken within each seed.
    """

    over: str = ""
    splits: int = 0
    paired: bool = False


@dataclass(frozen=True)
class Finding:
    """What the trainings say about a claim.

    Attributes:
        contrast: the claim's row minus the other (in points, or a distance); for a claim about two steps, the one step
            minus the other. None if a row has not been trained, or the measure is not taken of it.
        corrected: its p-value after Holm's correction over all claims that were tested; None for a single seed.
        older: whether older code has made one of the rows (`--keep-results`).
    """

    claim: Claim
    contrast: Contrast | None
    corrected: float | None = None
    older: bool = False
    mode: str = ""

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

    @property
    def established(self) -> bool:
        """Whether there is a difference, in either direction, after correction."""
        return self.verdict in (HOLDS, FAILS)

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
    def p_words(self) -> str:
        """The corrected p-value for reading: two digits, and no more zeros than a table needs; "" if there is none."""
        if (p := self.corrected) is None:
            return ""
        return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"

    @property
    def words(self) -> str:
        """The difference with its 95 % interval, and over what that is if not over seeds; "" if there is none."""
        if self.contrast is None:
            return ""
        digits = digits_of(self.claim.measure)
        text = f"{self.difference:+.{digits}f}{' points' * (digits == 1)}"
        if self.margin is None:
            return text
        low, high = self.difference - self.margin, self.difference + self.margin
        over = f", over {self.contrast.over}" if self.contrast.splits else ""
        return f"{text} ({low:+.{digits}f} … {high:+.{digits}f}{over})"

    @property
    def sentence(self) -> str:
        """The finding in words."""
        start = f"{self.claim.words}{f' ({self.claim.place})' * bool(self.claim.place)}: {self.verdict_words}"
        if self.contrast is None:
            return start + "."
        over = "" if self.contrast.splits else f", {self.contrast.over}"
        p_value = f"; corrected p {self.p_words}" * bool(self.p_words)
        return f"{start}; {MEASURES[self.claim.measure]} {self.words}{over}{p_value}."


def judge(measured: pd.DataFrame, claims: Iterable[Claim], mode: str | None = None) -> list[Finding]:
    """Test every claim against the trainings, with Holm's correction over those whose rows were run: of fifty claims of
    which none is true, one or more would "hold" or "not hold" in most studies, and corrected in 5 % of them at most.

    Args:
        measured: a row for each setting and seed: columns row, mode, seed, the measures, and, where they are known,
            splits, parts (see `unit_scores`) and older.
        mode: of the protocol; the first by default.
    """
    mode = mode or measured["mode"].iloc[0]
    of_mode = measured[measured["mode"] == mode].sort_values("seed", kind="stable")  # within which pairs are looked for
    groups = dict(list(of_mode.groupby("row", sort=False)))
    older = {name for name, group in groups.items() if "older" in group and group["older"].any()}
    return correct(
        Finding(claim, _contrast(claim, groups), older=bool(older & set(claim.rows)), mode=mode) for claim in claims
    )


def compare(
    scores: pd.DataFrame, metric: str = "rank_1", *, reference: str = "real", mode: str | None = None
) -> list[Finding]:
    """Compare every training set with the reference, in the order of the table, with Holm's correction over them.

    Args:
        scores: from `results.score_table`; shares.
        mode: of the protocol; the table's first by default.

    Raises:
        ValueError: the reference is not among the training sets.
    """
    measured = measured_of(scores, metric)
    if reference not in set(names := list(dict.fromkeys(measured["row"]))):
        raise ValueError(f"no training on {reference!r} to compare with; there is {', '.join(names)}")
    label = {name: plain_label(name) for name in names}
    asked = [
        better(name, reference, f"{label[name]}: better than {label[reference]}", "", metric)
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


def correct(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with p-values that are corrected over all of them (Holm, claims of one family as one)."""
    findings = list(findings)
    p_values = [each.contrast.p_value if each.contrast else None for each in findings]
    corrected = holm(p_values, [each.claim.family for each in findings])
    return [replace(each, corrected=p_value) for each, p_value in zip(findings, corrected, strict=True)]


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
    """The findings for reading, without those whose rows were not trained: columns "claim", "where", "measure",
    "difference (95 % interval)", "corrected p" and "verdict"; a dagger marks results of older code."""
    rows = [
        {
            "claim": each.claim.words,
            "where": each.claim.place,
            "measure": MEASURES[each.claim.measure],
            "difference (95 % interval)": each.words,
            "corrected p": each.p_words,
            "verdict": each.verdict_words + mark(each.older),
        }
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
    names = [{metric: list(by_split) for metric, by_split in each.items()} for each in splits]
    if any(each != names[0] for each in names):
        return None
    return {
        metric: {split: float(np.mean([each[metric][split] for each in splits])) for split in by_split}
        for metric, by_split in splits[0].items()
    }


def in_percent(shares: Splits | Parts | None) -> Splits | Parts | None:
    """Shares of splits or of parts in percent; None where there are none."""
    if not isinstance(shares, Mapping):
        return None
    return {
        metric: {name: 100 * value for name, value in own.items()}
        if isinstance(own, Mapping)
        else [100 * value for value in own]
        for metric, own in shares.items()
    }


def _contrast(claim: Claim, groups: Mapping[str, pd.DataFrame]) -> Contrast | None:
    """The sum of the means of some settings minus that of others.

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
    measure = claim.measure
    if not set(claim.rows) <= set(groups) or any(groups[name][measure].isna().any() for name in claim.rows):
        return None
    averaged = {name: mean_over_seeds(list(groups[name].get("splits", ()))) or {} for name in claim.rows}
    splits = {name: each.get(measure, {}) for name, each in averaged.items()}
    names = list(splits[claim.row])
    if len(names) > 1 and all(set(each) == set(names) for each in splits.values()):
        of_sides = [
            [np.array([times * splits[name][split] for split in names]) for name, times in side.items()]
            for side in claim.sides
        ]
        return Contrast(**vars(paired(*of_sides)), over=f"{len(names)} splits", splits=len(names))
    values = [[times * groups[name][measure].to_numpy(float) for name, times in side.items()] for side in claim.sides]
    numbers = list(dict.fromkeys(len(each) for side in values for each in side))
    over = f"{' and '.join(map(str, numbers))} seed{'s' * (numbers != [1])}"
    if (differences := _within_seeds(claim, groups)) is None:
        return Contrast(**vars(welch(*values)), over=over + ", not paired" * (max(numbers) > 1))
    over += f" × {differences.shape[1]} galleries" * (differences.shape[1] > 1)
    return Contrast(**vars(crossed(differences)), over=over, paired=True)


def _within_seeds(claim: Claim, groups: Mapping[str, pd.DataFrame]) -> Float[np.ndarray, "seeds parts"] | None:
    """The claim's difference for each seed and part of the test identities, with one part where the measure is not
    taken of parts; None unless all its rows were trained with the same seeds."""
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
