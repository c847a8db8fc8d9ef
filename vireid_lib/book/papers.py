"""What papers print: the files under data_manifests/papers/, one per paper, strictly checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from vireid_lib.data.strict import FileError, Strict, read_model
from vireid_lib.project import project_root

Printed = Annotated[float, Field(ge=0, le=100)]
SCORES = ("rank_1", "rank_5", "rank_10", "rank_20", "mean_ap", "mean_inp")
SPREADS = ("iirs_visible", "iirs_infrared", "himd")
"""Distances in the embedding (DEN, section 3.1 and Table 6); the studies show them."""

FIDELITY = ("md_from_images", "md_from_latents", "fid_from_images", "fid_from_latents")
"""Distances of generated images (JSIA-ReID, Table 4), made from images or from a latent space."""


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
    """Settings of the protocol that a number must have been measured with to be compared."""


class Row(Strict):
    """A row of a table: `printed` is its label; `values[column][metric]` as printed, scores in percent."""

    printed: str
    method: str
    training: str
    external: str | None = None
    variant: str = ""
    values: list[list[Printed | None]]


class Table(Strict):
    """A table of a paper."""

    number: PositiveInt
    title: str
    metrics: list[Literal[(*SCORES, *SPREADS, *FIDELITY)]]
    columns: list[Column]
    rows: list[Row]

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
            for row in table.rows:
                for column, cell in zip(table.columns, row.values, strict=True):
                    for metric, value in zip(table.metrics, cell, strict=True):
                        if value is not None:
                            yield {
                                "paper": self.short,
                                "table": table.number,
                                "title": table.title,
                                "printed_row": row.printed,
                                "printed_column": column.printed,
                                "dataset": column.dataset,
                                "mode": column.mode,
                                "method": row.method,
                                "training": row.training,
                                "external": row.external,
                                "variant": row.variant,
                                "settings": column.settings,
                                "metric": metric,
                                "paper_value": value,
                            }


def load_paper(path: Path) -> Paper:
    """Read one paper's file.

    Raises:
        FileError: a key, a type or the number of values in a row is wrong; the message names file and key.
    """
    paper = read_model(path, Paper)
    if paper.name != path.stem:
        raise FileError(f"{path}: key name is {paper.name!r}; make it the file's name, {path.stem!r}.")
    return paper


def load_papers() -> list[Paper]:
    """Read all papers that come with the project."""
    return [load_paper(path) for path in sorted((project_root() / "data_manifests" / "papers").glob("*.yaml"))]
