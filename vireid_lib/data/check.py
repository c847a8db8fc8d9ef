"""Checks a data set on disk against its manifest: counts, broken images, lone modalities, duplicates."""

import os
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd

from vireid_lib.data import intensity, look, tables
from vireid_lib.data.images import LEAVE_OUT
from vireid_lib.data.layouts import LayoutError, read_dataset, regdb
from vireid_lib.data.layouts.files import is_image
from vireid_lib.data.layouts.market1501 import DRAWN
from vireid_lib.data.manifest import COUNT_FORM, Count, DatasetManifest, load_manifest
from vireid_lib.data.report import CountLine, Finding, Report, found
from vireid_lib.data.text import TextError, printable, read_json

UNREADABLE = (LayoutError, TextError, OSError)  # what reading a data set raises, each with the file's name
SMALLEST_SIDE = 8  # pixels; nobody can be recognised in less
FEWEST_LEVELS = 8  # of grey, between an image's 1st and 99th percentile; in less nothing is to be seen


def check_dataset(name: str | Path, root: str | Path, progress: bool = False) -> Report:
    """Read, decode and compare everything of a data set, by its manifest's name or file; nothing under `root` is
    written or touched.

    Of RegDB all splits that are there are read. An error in the report means that the table or an image cannot be read.
    A count that differs, a duplicate or a lone modality is a warning: training runs, but numbers may not compare.
    `progress` shows a bar in a terminal.
    """
    manifest = load_manifest(name)
    root = Path(os.path.abspath(root))
    try:
        table, findings = _read(manifest, root)
        asked = _stated_counts(manifest, root).items()
        drawn = DRAWN in set(table["split"])
        counts = [_count(table, what, stated) for what, stated in asked if drawn or not what.startswith(DRAWN)]
    except UNREADABLE as error:
        return Report(manifest.name, printable(root), 0, [], [Finding("error", printable(str(error)))])
    paths = sorted(table["path"])
    seen = look.look_at_all(paths, progress)
    findings += _odd_images(seen, manifest) + _duplicates(seen, table) + _lone_modalities(table, manifest)
    differing = [f"{line.what}: {line.found:,}" for line in counts if not line.agrees]
    remedy = "Unpack the data set again, or expect other numbers than published."
    findings += found("warning", differing, "counts are as no source prints them.", remedy)
    return Report(manifest.name, printable(root), len(paths), counts, findings + _unused(root, set(paths)))


def _read(manifest: DatasetManifest, root: Path) -> tuple[pd.DataFrame, list[Finding]]:
    """The table (RegDB's of trial 1; Market-1501's with boxes drawn by hand), and what is wrong with other trials."""
    table = read_dataset(manifest, root)
    findings = []
    if DRAWN in manifest.splits and (root / DRAWN).is_dir():
        table = tables.concat(table, read_dataset(manifest, root, drawn=True))
    if manifest.layout == "regdb":
        wanted = range(2, manifest.protocol.trials + 1)
        available = [trial for trial in wanted if trial in regdb.available_trials(root)]
        if len(available) < len(wanted):
            what = f"idx/ has lists for {len(available) + 1} of {manifest.protocol.trials} trials."
            findings.append(Finding("warning", what, "Published numbers are the mean of all."))
        for trial in available:
            try:
                other = read_dataset(manifest, root, trial=trial)
            except UNREADABLE as error:
                findings.append(Finding("error", f"trial {trial}: {printable(str(error))}"))
                continue
            if not other.groupby(["split", "modality"]).size().equals(table.groupby(["split", "modality"]).size()):
                what = f"trial {trial} has other numbers of images than trial 1."
                findings.append(Finding("warning", what, "Restore idx/ from the data set's archive."))
    return table, findings


def _stated_counts(manifest: DatasetManifest, root: Path) -> dict[str, list[dict[str, str | int]]]:
    """Return {what: [value, source, note]}; a miniature world states its own counts beside its images."""
    counts, stated, world = list(manifest.counts), defaultdict(list), root / "world.json"
    if world.is_file():
        held = read_json(world)
        try:
            counts += [Count(what=what, value=each, source=world.name) for what, each in held.get("counts", {}).items()]
        except (AttributeError, ValueError):
            raise TextError(f"{world} holds no counts as `vireid data make` writes them: restore it.") from None
    for count in counts:
        stated[count.what].append(count.model_dump(exclude={"what"}))
    return stated


def _count(table: pd.DataFrame, what: str, stated: list[dict[str, str | int]]) -> CountLine:
    form = COUNT_FORM.fullmatch(what)  # as the manifest's schema has seen to it
    splits = set(table["split"]) - {DRAWN} if form["splits"] == "all" else form["splits"].split("+")
    rows = table[table["split"].isin(splits)]
    if form["camera"]:
        rows = rows[tables.camera_numbers(rows) == int(form["camera"])]
    if form["modality"]:
        rows = rows[rows["modality"] == form["modality"]]
    distractor = rows["identity"].str.endswith("/0000")
    if form["unit"] == "identities":
        return CountLine(what, int(rows["identity"][~distractor].nunique()), stated)
    return CountLine(what, int(distractor.sum()) if "distractor" in form["unit"] else len(rows), stated)


def _odd_images(seen: dict[str, look.Seen], manifest: DatasetManifest) -> list[Finding]:
    """Images that are broken, small, turned, of another size, flat, deep or not the only one of their file."""
    whole = {path: each for path, each in seen.items() if not each.wrong}
    broken = [f"{path} {each.wrong}" for path, each in seen.items() if each.wrong]
    findings = found("error", broken, "images cannot be read.", f"Restore them, or {LEAVE_OUT}.")
    odd = {
        f"are less than {SMALLEST_SIDE} pixels high or wide.": lambda size: min(size) < SMALLEST_SIDE,
        "are wider than high; they may be turned or no people.": lambda size: size[1] > size[0],
    }
    if wanted := manifest.image_size:
        words = f"are not {wanted[0]} by {wanted[1]} pixels (height by width), as the data set's are."
        odd[words] = lambda size: list(size) != wanted
    for words, is_odd in odd.items():
        items = [f"{path} {each.size[0]}x{each.size[1]}" for path, each in whole.items() if is_odd(each.size)]
        findings += found("warning", items, f"images {words}")
    flat = [f"{path} {each.levels} grey levels" for path, each in whole.items() if each.levels < FEWEST_LEVELS]
    remedy = "If they had more bits, save them in one channel of 16: the manifest's `intensity` then sets their range."
    findings += found("warning", flat, "images are almost of one brightness.", remedy)
    # Deep images are told always: the range is a choice, and other choices give other pictures.
    remedy = "To choose another range, set `intensity` in the manifest."
    ranges: dict[intensity.Limits | None, list[str]] = defaultdict(list)
    for path in (path for path, each in whole.items() if each.deep):
        ranges[intensity.limits(path)].append(path)
    for limits, items in ranges.items():
        shown = "in their full range" if limits is None else f"from {limits[0]:g} (black) to {limits[1]:g} (white)"
        findings += found("note", items, f"images have more than 8 bits and are shown {shown}.", remedy)
    several = [f"{path} {each.pictures} pictures" for path, each in whole.items() if each.pictures > 1]
    return findings + found("warning", several, "files hold several pictures, of which the first is taken.")


def _duplicates(seen: dict[str, look.Seen], table: pd.DataFrame) -> list[Finding]:
    learned, digest = table["split"].isin(("train", "val")), [seen[path].digest for path in table["path"]]
    rows = table.assign(learned=learned, digest=digest).sort_values("path")
    rows = rows[rows["digest"].duplicated(keep=False) & (rows["digest"] != "")]
    across, within = [], []
    for _, group in rows.groupby("digest", sort=False):
        mixed = group["learned"].nunique() > 1 or group["identity"].nunique() > 1
        (across if mixed else within).append(" = ".join(group["path"]))
    what = "images are there for several identities, or for training and test."
    findings = found("warning", across, what, "They carry wrong labels or leak the test.")
    return findings + found("warning", within, "images are there more than once for one identity.")


def _lone_modalities(table: pd.DataFrame, manifest: DatasetManifest) -> list[Finding]:
    findings = []
    if len({camera.modality for camera in manifest.cameras}) > 1:
        for part, rows in (("training", tables.training_rows(table)), ("test", tables.test_rows(table))):
            kinds = rows.groupby("identity")["modality"].agg(["nunique", "first"]).query("nunique == 1")["first"]
            items = [f"{identity}: {kind} only" for identity, kind in kinds.items()]
            what = f"{part} identities are there in one modality only."
            findings += found("warning", items, what, "Samplers refuse them, protocols skip them.")
    return findings


def _unused(root: Path, used: set[str]) -> list[Finding]:
    """Return a note on the images below the root that are no row of the table, counted by top folder."""
    counts = Counter(
        os.path.relpath(folder, root).split(os.sep)[0]
        for folder, _, names in os.walk(root)
        for name in names
        if is_image(name) and os.path.join(folder, name) not in used
    )
    what = f"{counts.total():,} further images belong to no split and are not used by the protocol."
    items = tuple(printable(f"{folder}: {count}") for folder, count in sorted(counts.items()))
    return [Finding("note", what, items=items)] if items else []
