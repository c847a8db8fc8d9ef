"""What papers print: the files under data_manifests/papers/, one per paper, strictly checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from vireid_lib import generators
from vireid_lib.data.strict import FileError, Strict, read_model
from vireid_lib.experiment import comparable, settings, variants
from vireid_lib.experiment.metrics import FIDELITY, SCORES, SPREADS
from vireid_lib.project import project_root

Printed = Annotated[float, Field(ge=0, le=100)]


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

    def variant_in(self, column: Column) -> dict[str, object]:
        """What `changes` come to on a column's data set; see `variants.of_printed`."""
        return variants.of_printed(column.dataset, self.method, self.training, self.changes)


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
                    of_column = {"printed_column": column.printed, "dataset": column.dataset, "mode": column.mode}
                    variant = row.variant_in(column)
                    of_column |= {"variant": variants.text(variant), "differences": variant}
                    about = {**of_table, **of_row, **of_column, "settings": row.settings_in(column)}
                    for metric, value in zip(table.metrics, cell, strict=True):
                        if value is not None:
                            yield {**about, "metric": metric, "paper_value": value}


def load_paper(path: Path) -> Paper:
    """Read one paper's file.

    Raises:
        FileError: a key, a type or the number of values in a row is wrong, a row names a method, a generator or a
            setting that there is not, or a column leaves out with which settings its scores were measured; the message
            names file, table, row or column, and the nearest valid key.
    """
    paper = read_model(path, Paper)
    if paper.name != path.stem:
        raise FileError(f"{path}: key name is {paper.name!r}; make it the file's name, {path.stem!r}.")
    for table in paper.tables:
        for column in table.columns if table.scored else ():
            where = f"{path}: table {table.number}, column {column.printed!r}"
            comparable.check(column.dataset, column.mode, column.settings, where)
        for row in table.rows:
            _check_row(row, table, f"{path}: table {table.number}, row {row.printed!r}")
    return paper


def _check_row(row: Row, table: Table, where: str) -> None:
    """Its names are known, and each of its settings belongs to its method or generator and changes something."""
    try:
        if table.scored:
            variants.check_names(row.method, row.training)
        else:
            generators.check_name(row.method)
    except ValueError as error:
        raise FileError(f"{where}: {error}") from None
    for column in table.columns if row.settings else ():
        comparable.check(column.dataset, column.mode, row.settings_in(column), where)
    if unused := [key for key in row.settings if not any(key in column.settings for column in table.columns)]:
        raise FileError(f"{where}: settings.{unused[0]} is a setting of none of its columns.")
    datasets = dict.fromkeys(column.dataset for column in table.columns) if row.changes else ()
    found = {
        key
        for dataset in datasets
        for key in variants.of_printed(dataset, row.method, row.training, row.changes, where)
    }
    if idle := [key for key in settings.flat(row.changes) if key not in found]:
        raise FileError(
            f"{where}: {idle[0]} changes nothing of {row.method} on {row.training}: it was published so, "
            "or belongs to another generator; remove it."
        )


def load_papers() -> list[Paper]:
    """Read all papers that come with the project."""
    return [load_paper(path) for path in sorted((project_root() / "data_manifests" / "papers").glob("*.yaml"))]
