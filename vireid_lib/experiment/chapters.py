"""Chapters on disk: py:percent files, their parameters cell, and what `-p name=value` gives them."""

import ast
import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vireid_lib import experiment
from vireid_lib.data.text import read_text
from vireid_lib.did_you_mean import hint, nearest
from vireid_lib.experiment import parameters
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.project import project_root

RESERVED = ("profile", "workspace", "data_root")
"""Parameters of every chapter that the runner fills from its own options."""


class ChapterError(ValueError):
    """A chapter or a parameter that cannot be run as asked; the message names it and the remedy."""


@dataclass(frozen=True)
class Chapter:
    """A chapter before it runs: its py:percent file, its first heading, and from its parameters cell the defaults and
    what the values may be (see `vireid_lib.experiment.parameters`), by name."""

    path: Path
    title: str
    parameters: dict[str, object]
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without suffix, e.g. "04_reid_training"."""
        return self.path.stem


def read_notebook(path: str | Path):
    """The notebook (nbformat node) that a py:percent file holds. Raises TextError if the file is not UTF-8."""
    import jupytext

    return jupytext.reads(read_text(path), {"extension": ".py"})


def find_chapters(folder: Path, only: Iterable[str] = ()) -> list[Chapter]:
    """The chapters in a folder: the `.py` files that start with a number, in order. Raises ChapterError if there is no
    such chapter, or a parameters cell is missing or not made of literals. `only`: numbers or names of the wanted
    chapters ("04", "4", "04_reid_training"); empty wants all."""
    paths = sorted(path for path in folder.glob("*.py") if path.stem.split("_")[0].isdigit())
    if not paths:
        raise ChapterError(f"{folder} holds no chapters: files such as 01_datasets.py.")
    wanted = set()
    for choice in only:
        number = int(choice) if choice.isdecimal() else None
        matches = [path for path in paths if choice == path.stem or number == int(path.stem.split("_")[0])]
        if not matches:
            raise ChapterError(f"no chapter {choice!r}; {hint(choice, [path.stem for path in paths])}")
        wanted.update(matches)
    return [_read_chapter(path) for path in paths if not only or path in wanted]


def find_study(folder: Path, name: str) -> Chapter:
    """One study: the chapter `<name>.py` of the folder. Raises ChapterError as `find_chapters`."""
    known = sorted(path.stem for path in folder.glob("*.py"))
    if name not in known:
        raise ChapterError(f"no study {name!r} in {folder}; {hint(name, known)}")
    return _read_chapter(folder / f"{name}.py")


def _read_chapter(path: Path) -> Chapter:
    notebook = read_notebook(path)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ChapterError(f'{path} has {len(tagged)} parameters cells; tag exactly one with tags=["parameters"].')
    return Chapter(path, title_of(notebook) or path.stem, *_assignments(tagged[0].source, path))


def title_of(notebook) -> str:
    """The first heading of a notebook, "" without one."""
    prose = (cell.source.splitlines() for cell in notebook.cells if cell.cell_type == "markdown")
    return next((line.removeprefix("# ") for lines in prose for line in lines if line.startswith("# ")), "")


def _assignments(source: str, path: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Read `name = literal  # kind: words` lines: the literals and the kinds by name."""
    found, kinds = {}, {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    for line in ast.parse(source).body:
        target = line.targets[0] if isinstance(line, ast.Assign) and len(line.targets) == 1 else None
        try:
            found[target.id] = ast.literal_eval(line.value)
            kinds[target.id] = parameters.kind_of(target.id, comments.get(line.end_lineno, ""))
        except (AttributeError, ValueError):
            words = f"the parameters cell holds `{ast.unparse(line)}`; write only lines such as `name = 3`."
            raise ChapterError(f"{path}: {words}") from None
    if missing := [name for name in RESERVED if not isinstance(found.get(name), str)]:
        raise ChapterError(f'{path}: the parameters cell does not set {missing[0]}; add `{missing[0]} = ""`.')
    for name, default in found.items():
        if default is None:
            raise ChapterError(f"{path}: parameter {name} is None, which has no type; give it a typed default.")
        try:
            parameters.check(default, default, kinds[name])
        except ValueError as error:
            raise ChapterError(f"{path}: parameter {name}: {error}.") from None
    return found, kinds


def asked(
    profile: str,
    workspace: str | Path = "",
    data_root: str = "",
    *,
    only: Iterable[str] = (),
    overrides: Iterable[str] = (),
    study: str | None = None,
    chapters_folder: Path | None = None,
) -> tuple[Run, list[Chapter], dict[str, dict[str, object]]]:
    """What a command line asks for: the run, with the method that its parameters name; the chapters, or the one study;
    and by chapter the values of all its parameters. Raises ChapterError as the functions above and below, else as
    `experiment.open`.

    Args:
        profile, workspace, data_root: as `experiment.open` takes them.
        only: numbers or names of chapters.
        overrides: `name=value` texts for the chapters' parameters.
        study: this study of the folder instead of its chapters.
        chapters_folder: None means the book's own, or its studies.
    """
    source = chapters_folder or project_root() / "notebooks" / ("" if study is None else "studies")
    chapters = find_chapters(source, only) if study is None else [find_study(source, study)]
    given = parse_overrides(overrides, chapters, load_profile(profile))
    chosen = {chapter.name: chapter.parameters | given[chapter.name] for chapter in chapters}
    method = next((values["method"] for values in given.values() if values.get("method")), "")
    return experiment.open(profile, workspace, data_root, method), chapters, chosen


def parse_overrides(
    texts: Iterable[str], chapters: list[Chapter], profile: Profile | None = None
) -> dict[str, dict[str, object]]:
    """Turn `name=value` texts into typed and checked parameters: chapter's name → {parameter: value}. `profile`: what
    the chapters run on, on which some valid values depend; None takes any. Raises ChapterError: no chosen chapter has
    the parameter, or the value is not of its default's type or not valid; names the nearest valid one."""
    overrides: dict[str, dict[str, object]] = {chapter.name: {} for chapter in chapters}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ChapterError(f"-p {text}: write -p name=value.")
        if name in RESERVED:
            raise ChapterError(f"-p {name}: use --{name.replace('_', '-')} instead.")
        owners = [chapter for chapter in chapters if name in chapter.parameters]
        if not owners:
            valid = {own: chapter.name for chapter in chapters for own in chapter.parameters if own not in RESERVED}
            meant = "".join(f"did you mean {near}? " for near in nearest(name, valid))
            listing = ", ".join(f"{own} ({chapter})" for own, chapter in valid.items()) or "none at all"
            words = f"no chapter that is to run has this parameter; {meant}valid names: {listing}."
            raise ChapterError(f"-p {name}: {words}")
        for chapter in owners:
            try:
                found = parameters.parse(value, chapter.parameters[name], chapter.kinds.get(name, ""), profile)
            except ValueError as error:
                raise ChapterError(f"-p {text}: {chapter.name}: {error}.") from None
            overrides[chapter.name][name] = found
    return overrides
