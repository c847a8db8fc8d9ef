"""What a study is: its rows, which trainings they are, and the paper's claims about them, as its file has them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vireid_lib.data.strict import FileError, Strict, read_model
from vireid_lib.experiment import method_registry, variants
from vireid_lib.experiment.contrasts import Claim
from vireid_lib.experiment.metrics import MEASURES
from vireid_lib.experiment.papers import Paper, Table, load_paper
from vireid_lib.experiment.papers import Row as PaperRow
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD, Profile
from vireid_lib.experiment.settings import changed, reid_config, with_method
from vireid_lib.project import project_root

STAND_INS = {"market1501": "mini_market", "cuhk03_np": "mini_campus"}
"""External sets, and what stands for each in the miniature world."""

FOLDERS = {"cuhk03_np": "cuhk03-np/labeled"}
"""Where an external set lies below --data-root that no profile names."""


class Row(Strict):
    """One setting that is trained with every seed; in Python its fields may be given in order, `Row("den", "DEN",
    "den")`."""

    name: str
    """What claims and tables call it, e.g. "ht_re"."""
    label: str
    """For readers, e.g. "HT, RE"."""
    method: str
    """A file in `vireid_lib/reid/methods`."""
    config: dict[str, object] = {}
    """Settings in place of the method's, on top of the profile's `reid.config`."""
    training: str = "real"
    """Training set, "real" unless the paper adds images."""
    always: bool = True
    """Whether it belongs to the reduced set; the others are trained if the study is run in full."""
    times: dict[str, int | float] = {}
    """Settings of the method as multiples of what the book has, e.g. {"images": 2}, which leaves the number of steps as
    it is; "length" is the training's, with all of its schedule (drops and warm-up too)."""
    changes: dict[str, dict[str, object]] = {}
    """Settings of other sections of the profile, e.g. {"generators": {"dive": {"views": "single"}}}."""
    external: str = ""
    """An external data set in place of the profile's, by its manifest's name; in the miniature world, what stands for
    it there (`STAND_INS`)."""

    def __init__(self, *values: object, **named: object) -> None:
        super().__init__(**dict(zip(type(self).model_fields, values, strict=False)), **named)


class Claims(Strict):
    """What a paper says of two rows, or of two steps, as a study's file has it: a `Claim` for each of the measures,
    whose name stands in the words in place of "{measure}"."""

    row: str
    other: str
    than_from: Annotated[tuple[str, str] | None, Field(strict=False)] = None
    direction: Literal["larger", "smaller"] = "larger"
    measures: list[Literal[(*MEASURES,)]] = ["rank_1"]
    words: str
    place: str

    def each(self) -> list[Claim]:
        said = self.model_dump(exclude={"measures"})
        named = {measure: self.words.replace("{measure}", MEASURES[measure]) for measure in self.measures}
        return [Claim(**{**said, "measure": measure, "words": words}) for measure, words in named.items()]


class StudyFile(Strict):
    """A file under data_manifests/studies: the tables of a paper that are about training, and what it says of them."""

    rows: list[Row]
    claims: list[Claims]
    generators: list[str] = []
    """Those that the study's notebook fits and measures itself."""


@dataclass(frozen=True)
class Study:
    """The tables of a paper (whose file has the study's name) that are about training: every row once, and what the
    paper says about them. `method` is that of the rows for which the paper chooses one, "" where there is no choice."""

    name: str
    rows: Sequence[Row]
    claims: Sequence[Claim]
    method: str = ""
    generators: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"study {self.name}: two rows are called {sorted(twice)[0]}; give each a name of its own")
        for claim in self.claims:
            if unknown := set(claim.rows) - set(names):
                why = f"speaks of a row {sorted(unknown)[0]!r} that the study does not have"
                known = ", ".join(names)
                raise ValueError(f"study {self.name}: the claim {claim.words!r} {why}; its rows are {known}")

    def chosen(self, full: bool = False) -> list[Row]:
        """The rows to train: the reduced set, or all of them."""
        return [row for row in self.rows if full or row.always]

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    @property
    def paper(self) -> Paper:
        return load_paper(project_root() / "data_manifests" / "papers" / f"{self.name}.yaml")

    def table(self, number: int) -> Table:
        return next(table for table in self.paper.tables if table.number == number)

    def row_of(self, printed: PaperRow, profile: Profile, method: str = "") -> Row | None:
        """The study's row that a printed row is about, None if it has none.

        Rows are matched by method (`method` instead of the printed one), training set, external set and settings. On
        real data a row with the very settings that the paper published for the printed one comes first. Else it is the
        row that takes the printed row's changes on top of the profile's settings, whatever these are: in the miniature
        world those of its small recipe.
        """
        method, real = method or printed.method, {own: name for name, own in STAND_INS.items()}
        external = real.get(profile.data.external, profile.data.external)
        rows = [
            row
            for row in self.rows
            if (row.method, row.training) == (method, printed.training)
            and (not printed.external or (row.external or external) == printed.external)
        ]
        if method not in method_registry.names():  # a generator, whose pictures are measured
            return next(iter(rows), None)
        published = [variants.as_published(profile.data.target, method)] if profile.world is None else []
        bases = [*published, with_method(profile, method)]  # what its changes may be changes of
        try:
            theirs = [changed(base, _there(base, printed.changes), f"{self.name}, {printed.printed}") for base in bases]
        except FileError:  # a setting of the paper's method that ours does not have
            return None
        wanted = [variants.resolved(each, printed.training) for each in theirs]
        settings = [variants.resolved(profile_of(profile, row), row.training) for row in rows]
        return next((row for each in wanted for row, own in zip(rows, settings, strict=True) if own == each), None)


def study_names() -> list[str]:
    return sorted(path.stem for path in _files().glob("*.yaml"))


def read_study(name: str) -> StudyFile:
    """The file of a study. Raises FileError, with file, key and the nearest valid key, if it is wrong."""
    return read_model(_files() / f"{name}.yaml", StudyFile)


def load_study(name: str) -> Study:
    """A study as its file has it. Raises as `read_study`, and ValueError if its claims speak of rows that it lacks."""
    held = read_study(name)
    return Study(name, held.rows, [claim for each in held.claims for claim in each.each()], "", held.generators)


def _files() -> Path:
    return project_root() / "data_manifests" / "studies"


def _there(profile: Profile, changes: Mapping[str, object]) -> dict[str, object]:
    """Changes of a profile, without `expand.splits` in the miniature world, which expands the sets' training parts."""
    if profile.world is None or "expand" not in changes:
        return dict(changes)
    return {**changes, "expand": {key: value for key, value in changes["expand"].items() if key != "splits"}}


def profile_of(profile: Profile, row: Row) -> Profile:
    """The profile with a row's method and settings. Raises FileError if the method lacks a setting of the row."""
    own, changes = with_method(profile, row.method, row.config), _there(profile, row.changes)
    if row.times:
        config, scaled = reid_config(own), {}
        for name, factor in row.times.items():
            scaled |= config.stretched(factor) if name == "length" else {name: round(factor * getattr(config, name))}
        own = with_method(profile, row.method, {**row.config, **scaled})
        batch = {name: getattr(config, name) for name in ("identities", "images") if name in row.times}
        changes["reid"] = {"epoch_batch": batch | own.reid.epoch_batch} | changes.get("reid", {})
    if row.external:
        name = row.external if profile.world is None else STAND_INS[row.external]
        target, known = profile.data.target, profile.data.roots
        roots = {target: known[target], name: known.get(name, FOLDERS.get(name, name))}
        own = own.model_copy(update={"data": own.data.model_copy(update={"external": name, "roots": roots})})
    own = _without_variants(own, changes.get("generators", {}))
    return changed(own, changes, f"row {row.name}") if changes else own


def _without_variants(profile: Profile, generators: Collection[str]) -> Profile:
    """The profile without its own variants of some generators. No row trains with them, and settings of a row for these
    generators would reach them too, where they may not fit."""
    dropped = {name for name, of in profile.variants.items() if of in generators}
    kept = {name: settings for name, settings in profile.generators.items() if name not in dropped}
    sets = [name for name in profile.reid.training_sets if name.split(".")[0] not in dropped]
    reid = profile.reid.model_copy(update={"training_sets": sets or ["real"]})
    return profile.model_copy(update={"generators": kept, "reid": reid})


def run_of(run: Run, row: Row) -> Run:
    """The book with a row's method and settings, in the same workspace. Raises as `profile_of`."""
    return run.with_profile(profile_of(run.profile, row))


def features_of(
    run: Run, study: Study, rows: Sequence[str], *, seed: int, plain: bool = False
) -> dict[str, Float[Tensor, "images dim"]]:
    """Test features under the networks of several rows: row's label → features. See `Run.features` for `plain`."""
    chosen = [study.row(name) for name in rows]
    return {row.label: run_of(run, row).features(row.training, seed, plain=plain)[0] for row in chosen}


def trainable(run: Run, rows: Sequence[Row]) -> list[Row]:
    """Those of the rows that the run has images for: only the miniature world has true infrared."""
    return [row for row in rows if run.miniature or row.training not in OF_THE_WORLD]
