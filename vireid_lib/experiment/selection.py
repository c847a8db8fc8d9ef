"""Which of a workspace's results the tables show: those of today's settings, found by their keys and nothing else."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from vireid_lib.data.strict import FileError
from vireid_lib.experiment import methods
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.results import score_table
from vireid_lib.experiment.studies.study import Study, run_of

STUDIES = ("den", "deen", "dive", "flow2flow", "jsia")
"""Modules of `book.studies` with a `STUDY`, or a function `study` that makes one for a book."""


def scores(run: Run, *, others: bool = False) -> pd.DataFrame:
    """`results.score_table` of `trainings`."""
    return score_table(trainings(run, others=others))


def trainings(run: Run, *, others: bool = False) -> list[StageRecord]:
    """The finished trainings that the book's settings ask for.

    Args:
        others: also those of the profile's training sets with every other method, and of the rows of every study.
    """
    found: dict[Path, StageRecord] = {}
    for own, training in (*_own(run), *(_others(run) if others else ())):
        for seed in run.profile.reid.seeds:
            if (record := _training(own, training, seed)) is not None:
                found[record.folder] = record
    return list(found.values())


def _training(run: Run, training: str, seed: int) -> StageRecord | None:
    if not any((run.cache.stages / f"evaluate_{training}").glob("*")):  # the key takes a look at every image
        return None
    return run.finished(training, seed)


def _own(run: Run) -> Iterator[tuple[Run, str]]:
    for training in run.profile.reid.training_sets:
        yield run, training


def _others(run: Run) -> Iterator[tuple[Run, str]]:
    """The other methods on the profile's training sets, then the rows of the studies; what the profile's settings do
    not fit is left out."""
    from vireid_lib.experiment.studies.measured import trainable

    for method in methods.names():
        try:
            own = run.with_method(method)
        except FileError:  # the profile sets what this method does not have
            continue
        yield from _own(own)
    for name in STUDIES if run.profile.data.external else ():
        study = _study(run, name)
        for row in trainable(run, study.rows if study else ()):
            try:
                yield run_of(run, row), row.training
            except FileError:
                continue


def _study(run: Run, name: str) -> Study | None:
    """A study; None if the data that its rows depend on have not been drawn, and so nothing of it trained."""
    module = importlib.import_module(f"vireid_lib.experiment.studies.{name}")
    if not hasattr(module, "study"):
        return module.STUDY
    made = run.fetched(module.study)
    return None if made is None else made.value
