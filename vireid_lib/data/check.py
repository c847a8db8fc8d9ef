"""Checks a data set on disk against its manifest: counts, broken images, lone modalities, duplicates."""

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from vireid_lib.data import look, tables
from vireid_lib.data.layouts import LayoutError, read_dataset, regdb
from vireid_lib.data.layouts.files import is_image
from vireid_lib.data.layouts.market1501 import DRAWN
from vireid_lib.data.manifest import COUNT_FORM, Count, DatasetManifest, load_manifest
from vireid_lib.data.report import CountLine, Finding, Report
from vireid_lib.data.text import TextError, printable, read_json

UNREADABLE = (LayoutError, TextError, OSError)  # what reading a data set raises, each with the file's name


def check_dataset(name: str | Path, root: str | Path, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read, decode and compare everything of a data set, by its manifest's name or file; nothing under `root` is
    written or touched.

    Of RegDB all splits that are there are read. An error in the report means that the table or an image cannot be read.
    A count that differs, a duplicate or a lone modality is a warning: training runs, but numbers may not compare.
    `progress` is called with (images done, images in all), now and then.
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
    paths = sorted(set(table["path"]))
    seen = look.look_at_all(paths, progress)
    findings += look.findings(seen, manifest) + _duplicates(seen, table)
    findings += _lone_modalities(table, manifest)
    differing = [f"{line.what}: {line.found:,}" for line in counts if not line.agrees]
    if differing:
        what = f"{len(differing)} counts are as no source prints them."
        remedy = "Unpack the data set again, or expect other numbers than published."
        findings.append(Finding("warning", what, remedy, differing))
    findings += _unused(root, set(paths))
    return Report(manifest.name, printable(root), len(paths), counts, findings)


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
    return dict(stated)


def _count(table: pd.DataFrame, what: str, stated: list[dict[str, str | int]]) -> CountLine:
    form = COUNT_FORM.fullmatch(what)
    assert form is not None, what  # the manifest's schema has seen to it
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


def _duplicates(seen: dict[str, look.Seen], table: pd.DataFrame) -> list[Finding]:
    about = {row.path: row for row in table.itertuples()}
    groups, across, within = defaultdict(list), [], []
    for path, each in seen.items():
        if not each.wrong:
            groups[each.digest].append(path)
    for paths in (paths for paths in groups.values() if len(paths) > 1):
        training = {about[path].split in ("train", "val") for path in paths}
        mixed = len(training) > 1 or len({about[path].identity for path in paths}) > 1
        (across if mixed else within).append(" = ".join(paths))
    told = (
        (across, "for several identities, or for training and test", "They carry wrong labels or leak the test."),
        (within, "more than once for one identity", ""),
    )
    return [Finding("warning", f"{len(each)} images are there {where}.", do, each) for each, where, do in told if each]


def _lone_modalities(table: pd.DataFrame, manifest: DatasetManifest) -> list[Finding]:
    findings = []
    for part, rows in (("training", tables.training_rows(table)), ("test", tables.test_rows(table))):
        seen = rows.groupby("identity")["modality"].agg(set)
        items = [f"{identity}: {kinds.pop()} only" for identity, kinds in seen.items() if len(kinds) == 1]
        if items and len({camera.modality for camera in manifest.cameras}) > 1:
            what = f"{len(items)} {part} identities are there in one modality only."
            findings.append(Finding("warning", what, "Samplers refuse them, protocols skip them.", items))
    return findings


def _unused(root: Path, used: set[str]) -> list[Finding]:
    """Return a note on the images below the root that are no row of the table, counted by top folder."""
    counts: dict[str, int] = defaultdict(int)
    for folder, _, names in os.walk(root):
        extra = sum(is_image(name) and os.path.join(folder, name) not in used for name in names)
        if extra:
            counts[Path(folder).relative_to(root).parts[0] if Path(folder) != root else "."] += extra
    what = f"{sum(counts.values()):,} further images belong to no split and are not used by the protocol."
    items = [f"{folder}: {count}" for folder, count in sorted(counts.items())]
    return [Finding("note", what, items=items)] if items else []
