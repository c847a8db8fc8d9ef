"""What is shown of trainings besides scores: the recipe, the effort, the curves."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.reid.config import ReidConfig

GIVEN = ["images in a batch", "steps", "images seen"]
"""What is told of a training's effort."""


def recipe(config: ReidConfig, dataset: str, *, unprinted: bool = False) -> pd.DataFrame:
    """The settings of a method that a reader of its paper cannot take for granted.

    Args:
        dataset: the data set whose recipe is taken for the default.
        unprinted: also every setting that the paper does not print and its authors' code does.

    Returns:
        a row for every setting that this run takes otherwise than the default, or whose default comes from neither
        paper nor release. Columns "default", "comes from" (the default; see `ReidConfig.origins`) and "here".
    """
    default, here, origins = type(config).published(dataset).model_dump(), config.model_dump(), config.origins()
    neutral = {name for name, field in ReidConfig.model_fields.items() if field.default == here[name]}
    known = ("paper",) if unprinted else ("paper", "release")
    rows = {
        name: {"default": str(default[name]), "comes from": origins[name], "here": str(here[name])}
        for name in here
        if here[name] != default[name] or (origins[name] not in known and name not in neutral and name != "method")
    }
    columns = ["default", "comes from", "here"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("setting")


@dataclass(frozen=True, eq=False)
class Effort:
    """What each training was given, to see whether the comparison is fair.

    Attributes:
        table: per training set, the images of a batch, the steps and the images seen of a network (mean over seeds and
            splits), and minutes (of all splits, mean over seeds).
        sentence: whether batch and steps are the same for all sets, of each seed and split.
    """

    table: pd.DataFrame
    sentence: str


def effort(records: Iterable[StageRecord]) -> Effort:
    """Read from the records of `jobs.compare` what each training was given.

    A method that takes larger batches or more steps with the larger training set may owe its gain to them.
    """
    rows = [
        given(record).assign(
            **{
                "trained on": training_label(record.result["config"]["training"]),
                "seed": record.result["config"]["seed"],
                "minutes": sum(each["minutes"] for each in record.values["trainings"].values()),
            }
        )
        for record in records
    ]
    if not rows:
        return Effort(pd.DataFrame(columns=[*GIVEN, "minutes"]), "Nothing has been trained yet.")
    whole = pd.concat(rows)
    table = whole.groupby("trained on", sort=False)[[*GIVEN, "minutes"]].mean()
    table = table.round({name: 0 for name in GIVEN}).astype({name: int for name in GIVEN})
    unequal = differing(whole, ["seed", "split"])
    if not unequal:
        batch, steps, images = (span(whole[name]) for name in GIVEN)
        sentence = f"Every training had batches of {batch} images and {steps} steps, and saw {images} images"
        if len(whole[GIVEN].drop_duplicates()) > 1:
            sentence += ", the same on every set for one seed and split"
        sentence += ": what differs is the data alone."
    else:
        sentence = (
            f"The trainings differ in {' and '.join(unequal)}, and not in the data alone: a gain may come from there. "
            "`reid.length: equal` in the profile, or a number of `reid.config.steps`, gives each the same steps."
        )
    return Effort(table, sentence)


def given(record: StageRecord) -> pd.DataFrame:
    """What the networks of an evaluation (`Run.evaluate`) were given, as the trainer recorded: a row for each split;
    columns split, steps, "images in a batch" (of all processes, both modalities), "images seen" (drawn, each as often
    as it was)."""
    words = {"images_in_a_batch": "images in a batch", "images_seen": "images seen"}
    found = pd.DataFrame.from_dict(record.values["trainings"], orient="index").rename(columns=words)
    return found.assign(split=found.index.astype(int))[["split", *GIVEN]]


def differing(given: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """Which of "images in a batch" and "steps" are not the same in all rows that agree in the columns `by`."""
    groups = given.groupby(list(by))
    return [name for name in ("images in a batch", "steps") if (groups[name].nunique() > 1).any()]


def span(numbers: pd.Series) -> str:
    """`1,200`, or `1,200 to 1,300` where they differ."""
    ends = dict.fromkeys((numbers.min(), numbers.max()))
    return " to ".join(f"{int(each):,}" for each in ends)


def history(record: StageRecord, split: int = 1) -> pd.DataFrame:
    """Losses over the steps of a training of an evaluation: columns step, total, one per term, accuracy (share of the
    batch)."""
    stages = record.folder.parent.parent
    lines = (stages / record.values["trainings"][str(split)]["stage"] / "history.jsonl").read_text().splitlines()
    return pd.DataFrame([json.loads(line) for line in lines])


def histories(records: Iterable[StageRecord]) -> dict[str, list[pd.DataFrame]]:
    """The histories of all seeds by training set, for `viz.training_curves`."""
    found: dict[str, list[pd.DataFrame]] = {}
    for record in records:
        found.setdefault(training_label(record.result["config"]["training"]), []).append(history(record))
    return found
