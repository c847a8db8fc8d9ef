"""The image table: one row per image, the one form in which images travel through the book."""

import hashlib
import io
import json
import os
import re
from collections.abc import Container
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64

from vireid_lib.data.contents import content_digests, write_atomically
from vireid_lib.data.intensity import limits_if_deep
from vireid_lib.data.text import printable
from vireid_lib.did_you_mean import hint

COLUMNS = ("path", "identity", "camera", "modality", "split", "source", "seed")
OTHER = {"visible": "infrared", "infrared": "visible"}  # modality → the other one

MODALITIES = tuple(OTHER)
SPLITS = ("train", "val", "test", "query", "gallery", "external", "gt_bbox")

# Arrow, which pandas takes for text where it is installed, has no place for a name that is not UTF-8.
TEXT = pd.StringDtype("python", na_value=np.nan)

SEED = re.compile(r"-?[0-9]{1,19}")


class TableError(ValueError):
    """An image table that breaks the schema; the message names the column, the row and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def build(rows: list[dict], where: str) -> pd.DataFrame:
    """Make a validated table of real images from rows that may leave out `source` ("real") and `seed`."""
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    table["source"] = table["source"].astype(object).where(table["source"].notna(), "real")
    return validate(table, where)


def validate(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Check a table against the schema and return it with canonical column order, types and row numbers.

    Columns: `path` (absolute), `identity` ("<data set>/<id>"), `camera` ("<data set>/<number>"), `modality` ("visible"
    | "infrared"), `split`, `source` ("real" or a generator's name), `seed` (the random seed that made a synthetic
    image; empty otherwise). Tables are checked where they enter; afterwards they are trusted. Raises TableError: naming
    `where` (a file, a data set, a generator), the column, the first bad row and the remedy.
    """
    _check_columns(table, where)
    table = table[list(COLUMNS)].reset_index(drop=True)
    for column in COLUMNS[:-1]:
        bad = ~table[column].map(lambda value: isinstance(value, str) and value != "").astype(bool)
        _refuse(table, bad, column, where, "write a non-empty string there")
        table[column] = table[column].astype(TEXT)
    _refuse(table, ~table["path"].map(os.path.isabs).astype(bool), "path", where, "make the path absolute")
    _refuse(table, table["path"].duplicated(), "path", where, "list every image once; this path is there twice")
    for column, form, example in (("identity", r"[^/]+/[^/]+", "0042"), ("camera", r"[^/]+/\d+", "3")):
        bad = ~table[column].str.fullmatch(form).astype(bool)
        _refuse(table, bad, column, where, f'write it as in "sysu_mm01/{example}"')
    for column, allowed in (("modality", MODALITIES), ("split", SPLITS)):
        remedy = "use one of " + ", ".join(f'"{value}"' for value in allowed)
        _refuse(table, ~table[column].isin(allowed), column, where, remedy)
    try:
        table["seed"] = table["seed"].astype("Int64")
    except (TypeError, ValueError, OverflowError) as error:
        raise TableError(f"{where}: column seed holds no whole numbers ({error}); write them, or nothing.") from None
    with_seed = table["seed"].notna() & (table["source"] == "real")
    _refuse(table, with_seed, "seed", where, "leave the seed of a real image empty, or name its generator")
    return table


def concat(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all tables, in order: V* = V + V_ext. Raises TableError if two list the same image."""
    return validate(pd.concat(tables, ignore_index=True), "joined tables")


def training_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a model may learn from: splits train, val (as published for SYSU-MM01) and external."""
    return table[table["split"].isin(("train", "val", "external"))].reset_index(drop=True)


def test_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the test protocol: splits test, query and gallery."""
    return table[table["split"].isin(("test", "query", "gallery"))].reset_index(drop=True)


test_rows.__test__ = False  # the name is the field's; pytest shall not collect it


def camera_numbers(table: pd.DataFrame) -> Int64[np.ndarray, " images"]:
    """Return each row's camera as the number that the data set's protocol uses."""
    return table["camera"].str.rsplit("/", n=1).str[-1].astype(np.int64).to_numpy()


# Cameras by name: where one number takes images of both modalities, as LLCM's sites do, it is two. "llcm/1" is its
# infrared half, "llcm/1 visible" the other. In the table both are "llcm/1": rules of evaluation count one place.
VISIBLE = " visible"


def camera_key(camera: str, modality: str, known: Container[str]) -> str:
    """The name of the camera that took an image of this modality, where `known` names all cameras."""
    named = camera + VISIBLE
    return named if modality == "visible" and named in known else camera


def camera_keys(table: pd.DataFrame) -> list[str]:
    """The name of each row's camera, as far as the table itself tells which cameras have both modalities."""
    visible, infrared = (set(table.loc[table["modality"] == name, "camera"]) for name in ("visible", "infrared"))
    known = {camera + VISIBLE for camera in visible & infrared}
    return [camera_key(*seen, known) for seen in zip(table["camera"], table["modality"], strict=True)]


def camera_modalities(table: pd.DataFrame) -> dict[str, str]:
    """What each camera of the table records, by the cameras' names in order."""
    return dict(sorted(set(zip(camera_keys(table), table["modality"], strict=True))))


def camera_in_table(key: str) -> str:
    """The camera as rows of the image table name it."""
    return key.removesuffix(VISIBLE)


def identity_labels(table: pd.DataFrame) -> tuple[Int64[np.ndarray, " images"], list[str]]:
    """Return each row's class 0..n-1 and the class names, sorted: row i is `names[labels[i]]`."""
    labels, names = pd.factorize(table["identity"].to_numpy(dtype=object), sort=True)
    return labels.astype(np.int64), names.tolist()


def digest(table: pd.DataFrame, cache: Path | None = None) -> str:
    """Return a sha256 over the rows, in order, and what their files hold; moving the root changes nothing. Of a path
    only the file's name counts; of a deep image, the range that it is shown in too. `cache` is a folder that remembers
    the files' digests between calls (see `contents.content_digests`)."""
    held, summary = content_digests(table["path"], cache), hashlib.sha256()
    rows = table[list(COLUMNS)].astype(object).where(table[list(COLUMNS)].notna(), None)
    for (path, *rest, seed), held_by_file in zip(rows.itertuples(index=False, name=None), held, strict=True):
        seed, limits = None if seed is None else int(seed), limits_if_deep(path)
        shown = [] if limits is None else [limits]
        summary.update(json.dumps([os.path.basename(path), *rest, seed, held_by_file, *shown]).encode() + b"\n")
    return summary.hexdigest()


def save(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, atomically; images inside the CSV's folder are stored relative to it."""
    path = Path(os.path.abspath(path))
    table = validate(table, f"table to be saved as {path}")
    table["path"] = [image.removeprefix(str(path.parent) + os.sep) for image in table["path"]]
    # A name that is not UTF-8 is written as the bytes that it is on disk.
    write_atomically(path, table.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogateescape"))


def load(path: str | Path) -> pd.DataFrame:
    """Read a table that `save` wrote; relative paths count from the CSV's folder. Raises TableError if it is none."""
    path = Path(os.path.abspath(path))
    # Nothing is guessed: an identity "NA" stays text, and seeds keep all their digits.
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); restore it, or make it again.") from None
    if b"\0" in data:
        raise TableError(f"{path} is not UTF-8 text but looks like UTF-16: save it as UTF-8.")
    if data and not data.endswith(b"\n"):
        raise TableError(f"{path} is cut short: its last line has no end. Restore it, or make it again.")
    reading = {"dtype": object, "keep_default_na": False, "encoding": "utf-8-sig", "encoding_errors": "surrogateescape"}
    try:
        table = pd.read_csv(io.BytesIO(data), **reading)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TableError(f"{path} is no table of comma-separated values ({error}); write it anew.") from None
    _check_columns(table, str(path))
    table = table.fillna("")  # of rows that are too short
    table["path"] = [str(path.parent / image) if image else image for image in table["path"]]
    seeds = [int(seed) if SEED.fullmatch(seed) else seed or pd.NA for seed in table["seed"]]
    table["seed"] = pd.Series(seeds, dtype=object)
    return validate(table, str(path))


def _check_columns(table: pd.DataFrame, where: str) -> None:
    if table.columns.has_duplicates:
        raise TableError(f"{where}: a column appears twice; keep one of each of {', '.join(COLUMNS)}.")
    for missing in (column for column in COLUMNS if column not in table.columns):
        raise TableError(f"{where}: column {missing} is missing; add it: a table has {', '.join(COLUMNS)}.")
    for unknown in (str(column) for column in table.columns if column not in COLUMNS):
        raise TableError(f"{where}: unknown column {unknown}; drop it: {hint(unknown, COLUMNS)}")


def _refuse(table: pd.DataFrame, bad: pd.Series, column: str, where: str, remedy: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = table[column].astype(object)[row]
        value = value.item() if isinstance(value, np.generic) else value
        more = f" (and {int(bad.sum()) - 1} more rows)" if bad.sum() > 1 else ""
        raise TableError(f"{where}: row {row}, column {column} is {value!r}{more}; {remedy}.")
