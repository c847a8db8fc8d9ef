"""What papers print: the files under data_manifests/papers/, one per paper, strictly checked; and under which
conditions a number of ours may stand beside one of theirs."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from vireid_lib import generators
from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError, Strict, explained, read_model
from vireid_lib.experiment import method_registry, variants
from vireid_lib.experiment.metrics import FIDELITY, SCORES, SPREADS
from vireid_lib.experiment.profile import OWN_SETTINGS, Evaluation
from vireid_lib.experiment.training_sets import expansion_of
from vireid_lib.project import project_root
from vireid_lib.training.binding import flat

Printed = Annotated[float, Field(ge=0, le=100)]


class Conditions(NamedTuple):
    """How a network was tested: on which data set, in which mode of its protocol, with which settings of the protocol
    (shots, draw and galleries, or reading), averaged over how many trials."""

    dataset: str
    mode: str
    settings: Mapping[str, object] = {}
    trials: int = 1


def unlike(here: Conditions, there: Conditions) -> list[str]:
    """In which conditions ours differ from a paper's, in words; none if the numbers can be compared. Ours may be
    averaged over more trials, and have settings that the paper's mode does not depend on."""
    if here.dataset != there.dataset:
        return [f"the data set is {there.dataset} there, {here.dataset} here"]
    found = [] if here.mode == there.mode else [f"the mode is {there.mode} there, {here.mode} here"]
    for key, value in there.settings.items():
        if (own := here.settings.get(key)) != value:
            found.append(f"{key} is {value} there, {own} here")
    if (galleries := here.settings.get("galleries", 1)) != 1:
        found.append(f"the test identities are one gallery there, {galleries} here")
    if here.trials < there.trials:
        found.append(f"{there.trials} trials there, {here.trials} here")
    return found


def required(dataset: str, mode: str) -> list[str]:
    """Settings of a data set's protocol that a paper's numbers depend on. LLCM's two readings are one for infrared to
    visible; every paper ranks all test identities in one gallery."""
    own = [key for key, owner in OWN_SETTINGS.items() if owner == _rule(dataset) and key != "galleries"]
    return [key for key in own if key != "reading" or mode == "visible-to-infrared"]


@functools.cache
def _rule(dataset: str) -> str:
    return load_manifest(dataset).protocol.rule


class Tolerance(Strict):
    """How near our mean must be to a printed number, in percentage points, to be equivalent to it (the margin of
    `statistics.equivalence`), and why so near."""

    points: PositiveFloat
    why: str


class Column(Strict):
    """A column of a table: `printed` is its header, the rest is what it is compared with."""

    printed: str
    dataset: str
    mode: str
    settings: dict[str, object] = {}
    """Settings of the protocol that its scores were measured with, every one that the data set's protocol has."""


class Row(Strict):
    """A row of a table: `printed` is its label; `values[column][metric]` as printed, scores in percent."""

    printed: str
    method: str
    """A ReID method; a generator in tables that measure pictures."""
    training: str
    external: str | None = None
    changes: dict[str, object] = {}
    """Settings that the paper changed in this row, by section of a profile, e.g. `reid.config: {triplet: hard}`."""
    settings: dict[str, object] = {}
    """Settings of the protocol that are not the columns' for this row, whose numbers come from another paper."""
    values: list[list[Printed | None]]

    def settings_in(self, column: Column) -> dict[str, object]:
        """With which settings of the protocol this row's number in a column was measured."""
        return column.settings | {key: value for key, value in self.settings.items() if key in column.settings}


class Table(Strict):
    """A table of a paper."""

    number: PositiveInt
    title: str
    metrics: list[Literal[(*SCORES, *SPREADS, *FIDELITY)]]
    columns: list[Column]
    rows: list[Row]

    @property
    def scored(self) -> bool:
        """Whether it prints scores of ReID methods, and not measures of generators' pictures."""
        return bool(set(self.metrics) & {*SCORES, *SPREADS})

    @model_validator(mode="after")
    def _every_cell_is_there(self) -> "Table":
        for row in self.rows:
            if [len(cell) for cell in row.values] != [len(self.metrics)] * len(self.columns):
                raise ValueError(
                    f"table {self.number}, row {row.printed}: write {len(self.metrics)} numbers "
                    f"({', '.join(self.metrics)}) for each of its {len(self.columns)} columns"
                )
        return self


class Note(Strict):
    """A place where the paper disagrees with itself, with its code or with another paper."""

    place: str
    says: str
    but: str


class Paper(Strict):
    """A paper's printed results."""

    name: str
    short: str
    """What it is called in tables."""
    title: str
    authors: list[str]
    venue: str
    identifier: str
    trials: PositiveInt
    """Trials that its numbers are averages of."""
    tolerance: Tolerance
    tables: list[Table]
    notes: list[Note] = []

    def values(self) -> Iterator[dict]:
        """Every printed number with its place and what it is about."""
        for table in self.tables:
            of_table = {"paper": self.short, "table": table.number, "title": table.title}
            for row in table.rows:
                of_row = {"printed_row": row.printed, **row.model_dump(include={"method", "training", "external"})}
                for column, cell in zip(table.columns, row.values, strict=True):
                    variant = variants.of_printed(column.dataset, row.method, row.training, row.changes)
                    about = {**of_table, **of_row, "printed_column": column.printed, "dataset": column.dataset}
                    about |= {"mode": column.mode, "variant": variants.text(variant), "differences": variant}
                    about |= {"settings": row.settings_in(column)}
                    for metric, value in zip(table.metrics, cell, strict=True):
                        if value is not None:
                            yield {**about, "metric": metric, "paper_value": value}


def load_paper(path: Path) -> Paper:
    """Read one paper's file. Raises FileError if a key, a type or the number of values in a row is wrong, a row names a
    method, a generator or a setting that there is not, or a column leaves out with which settings its scores were
    measured; the message names file, table, row or column, and the nearest valid key."""
    paper = read_model(path, Paper)
    if paper.name != path.stem:
        raise FileError(f"{path}: key name is {paper.name!r}; make it the file's name, {path.stem!r}.")
    for table in paper.tables:
        for column in table.columns if table.scored else ():
            _check_conditions(column, column.settings, f"{path}: table {table.number}, column {column.printed!r}")
        for row in table.rows:
            _check_row(row, table, f"{path}: table {table.number}, row {row.printed!r}")
    return paper


def _check_conditions(column: Column, settings: Mapping[str, object], where: str) -> None:
    """The settings are all that a column's protocol has."""
    needed = required(column.dataset, column.mode)
    if unknown := sorted(set(settings) - set(needed)):
        own = ", ".join(needed) or "none"
        raise FileError(f"{where}: {unknown[0]} is no setting of {column.dataset}, {column.mode}; it has {own}.")
    if missing := [key for key in needed if key not in settings]:
        raise FileError(f"{where}: say with which {' and '.join(missing)} its scores were measured.")
    about = {"protocol": _rule(column.dataset), "modes": [column.mode], **settings}
    explained(lambda: Evaluation(**about), Evaluation, where, "settings")


def _check_row(row: Row, table: Table, where: str) -> None:
    """Its names are known, and each of its settings belongs to its method or generator and changes something."""
    try:
        if table.scored:
            method_registry.config_class(row.method)
        own = expansion_of(row.training)
        if (name := (own.generator if own else row.training) if table.scored else row.method) != "real":
            generators.check_name(name)
    except ValueError as error:
        raise FileError(f"{where}: {error}") from None
    for column in table.columns if row.settings else ():
        _check_conditions(column, row.settings_in(column), where)
    if unused := [key for key in row.settings if not any(key in column.settings for column in table.columns)]:
        raise FileError(f"{where}: settings.{unused[0]} is a setting of none of its columns.")
    found = set()
    for dataset in {column.dataset for column in table.columns} if row.changes else ():
        found |= set(variants.of_printed(dataset, row.method, row.training, row.changes, where))
    if idle := [key for key in flat(row.changes) if key not in found]:
        raise FileError(
            f"{where}: {idle[0]} changes nothing of {row.method} on {row.training}: it was published so, "
            "or belongs to another generator; remove it."
        )


def load_papers() -> list[Paper]:
    return [load_paper(path) for path in sorted((project_root() / "data_manifests" / "papers").glob("*.yaml"))]
