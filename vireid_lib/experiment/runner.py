"""Runs the chapters: each in a process of its own, judged by its own record and never by papermill's."""

import contextlib
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
from tqdm import tqdm

from vireid_lib import disk, user_paths
from vireid_lib.data.contents import write_atomically
from vireid_lib.experiment import locks, results, sensitivity
from vireid_lib.experiment.chapters import Chapter, asked
from vireid_lib.experiment.profile_files import located
from vireid_lib.experiment.provenance import library, made_with, now, write_json
from vireid_lib.experiment.publish import MAIN_TABLE, publish


class RunError(RuntimeError):
    """The book could not be started; the message says why and what to do."""


@dataclass(frozen=True)
class BookRun:
    """The outcome of a run."""

    table: str
    """The book's main result in Markdown; "" for a study."""
    ok: bool
    """Every chosen chapter truly ran."""
    page: Path | None
    """Of the site, its first or the study's; None if it was not made, or nothing has run."""
    failure: str
    """What went wrong, where, and how to continue; empty if ok."""


def run_book(
    profile: str,
    *,
    workspace: str | Path = "",
    data_root: str = "",
    only: Sequence[str] = (),
    overrides: Sequence[str] = (),
    chapters_folder: Path | None = None,
    study: str | None = None,
    site: bool = True,
    command: str = "the same call",
) -> BookRun:
    """Run the chapters in order, stop at the first that fails, and make the site of all that have run.

    Leaves in the workspace: `notebooks/<chapter>.ipynb` as executed, `notebooks/<chapter>.json` written last and
    only if every cell ran, `stages/…/result.json`, `book.json`, `main_table.md` (and `.html`) and `site/`. A
    study leaves `study_<name>.json` instead of `book.json`, and is a page of the same site.

    Args:
        profile, workspace, data_root, only, overrides, chapters_folder, study: as `chapters.asked` takes them.
        command: the command line that continues this run.

    Raises:
        RunError: the book, or that study, is running in the workspace already.
        ValueError, FileNotFoundError: a chapter, parameter, profile, folder or device is wrong; nothing ran.
    """
    options = {"only": only, "overrides": overrides, "study": study, "chapters_folder": chapters_folder}
    run, chapters, chosen = asked(profile, workspace, data_root, **options)  # refuses what is missing, before it starts
    settings, folder, source = run.profile, run.folder, chapters[0].path.parent
    record = folder / (f"study_{study}.json" if study else "book.json")
    page = folder / "site" / (f"{study}.html" if study else "index.html")
    notebooks, tables = user_paths.made(folder / "notebooks"), [folder / name for name in MAIN_TABLE]
    say = partial(print, flush=True)
    with _only_run(folder, study):
        say(f"{f'Study {study}' if study else 'The book'} on profile {settings.name}, in {folder}")
        if study in results.STUDIES and (known := results.known_study(run, study, chosen[study])):
            say(sensitivity.smallest(run, known, full=bool(chosen[study].get("full"))))
        # What an earlier run left must not pass for the outcome of this one.
        left = [notebooks / f"{chapter.name}{suffix}" for chapter in chapters for suffix in (".json", ".ipynb", ".log")]
        for outcome in (*left, record, page, *(() if study else tables)):
            outcome.unlink(missing_ok=True)
        reserved = {"profile": located(profile), "workspace": str(folder), "data_root": str(run.data_root or "")}
        failure, spent = "", {}
        for number, chapter in enumerate(chapters, 1):
            head, began = f"{number:2d}/{len(chapters)}  {chapter.name}  ", time.monotonic()
            say(f"{head}starts{_left(chapters, spent, settings.minutes)}")
            failure = _run_chapter(chapter, chosen[chapter.name] | reserved, folder)
            spent[chapter.name] = time.monotonic() - began
            say(f"{head}{'failed' if failure else 'done'} in {tqdm.format_interval(spent[chapter.name])}")
            if failure:
                failure += f"\nWhat is finished is kept. Continue with:  {command}"
                break
        shown = [] if study else results.main_result(run)
        about = {"profile": settings.model_dump(), "ok": not failure, "failure": failure, "command": command}
        about |= {"chapters": [chapter.name for chapter in chapters], "finished": now(), **made_with(run.device)}
        try:
            write_json(record, about)
            for file, text in zip(tables, shown, strict=False):
                write_atomically(file, text.encode())
            if site:
                publish(folder, settings, folder / "site", notebooks=source.parent if study else source)
        except OSError as error:
            if not failure:
                raise
            failure += f"\nNor could the run's record and site be written: {error}"
    return BookRun(shown[-1] if shown else "", not failure, page if page.exists() else None, failure)


def _left(chapters: Sequence[Chapter], spent: Mapping[str, float], minutes: Mapping[str, float]) -> str:
    """The book's remaining time, if every chapter still to come has an expected time. It is scaled by how this machine
    did on the chapters already run, which count against a prior of half the book."""
    expected = {chapter.name: 60 * minutes[chapter.name] for chapter in chapters if chapter.name in minutes}
    coming, known = [chapter.name for chapter in chapters if chapter.name not in spent], spent.keys() & expected.keys()
    if not set(coming) <= set(expected):
        return ""
    prior = sum(expected.values()) / 2
    pace = (prior + sum(map(spent.get, known))) / (prior + sum(map(expected.get, known)))
    return f", about {tqdm.format_interval(pace * sum(map(expected.get, coming)))} left for the book"


@contextlib.contextmanager
def _only_run(folder: Path, study: str | None) -> Iterator[None]:
    """A book and its studies write different files, and may run at once; what stages they share are made once."""
    name, command = (f"study_{study}", f"study {study}") if study else ("book", "book")
    try:
        with locks.held(folder / f".{name}.lock"):
            yield
    except locks.Busy as busy:
        remedy = f"wait for it, or give this one a --workspace of its own. {busy}"
        raise RunError(f"Another `vireid {command}` is running in {folder}; {remedy.strip()}") from None


def _run_chapter(chapter: Chapter, parameters: Mapping[str, object], folder: Path) -> str:
    """Run one chapter in its own process and write its record if it truly ran; return what failed, or ""."""
    output = folder / "notebooks" / f"{chapter.name}.ipynb"
    log = output.with_suffix(".log")
    changed = {name: value for name, value in parameters.items() if value != chapter.parameters[name]}
    job = {"chapter": str(chapter.path.resolve()), "output": str(output), "parameters": changed}
    job["cache"] = str(folder / "cache")
    command = [sys.executable, "-m", "vireid_lib.experiment.execute_chapter", json.dumps(job)]
    started, clock = now(), time.monotonic()
    with open(log, "w") as errors, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors) as process:
        try:
            status = process.wait()
        except BaseException:  # Ctrl-C: the closed pipe tells the process to end its kernel and itself
            process.stdin.close()
            process.wait()
            raise
    if failure := _failure(chapter, output, log, status):
        return failure
    log.unlink()
    about = {"chapter": chapter.name, "title": chapter.title, "parameters": dict(parameters), "started": started}
    spent = {"finished": now(), "wall_seconds": round(time.monotonic() - clock, 3), "library": library()}
    write_json(output.with_suffix(".json"), about | spent)
    return ""


def _failure(chapter: Chapter, output: Path, log: Path, status: int) -> str:
    """Why a chapter cannot be called run, by its notebook and its log, not by papermill's marks; "" if it can."""
    try:
        notebook = nbformat.read(output, as_version=4) if output.exists() else None
    except (ValueError, nbformat.reader.NotJSONError):
        notebook = None  # cut off, or no notebook at all
    cut_off, indented = output.exists() and notebook is None, partial(textwrap.indent, prefix="    ")
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()] if notebook else []
    errors = [(cell, each) for cell in code for each in cell.outputs if each.output_type == "error"]
    unexecuted = [cell for cell in code if cell.execution_count is None]
    so_far = f"\nThe notebook so far: {output}"
    if errors:
        cell, error = errors[0]
        words = f"Chapter {chapter.name} failed in this cell:\n\n{indented(cell.source)}\n\n"
        words += f"{error.ename}: {error.evalue}{so_far}"
    elif status or notebook is None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        tail = ("\n".join(lines[-15:]) or "it left no word of why") + f"\n{output} is cut off." * cut_off
        words = f"Chapter {chapter.name} could not be executed (exit status {status}):\n{indented(tail)}"
    elif unexecuted:
        words = f"Chapter {chapter.name}: {len(unexecuted)} of its cells did not run, first this one:\n\n"
        words += indented(unexecuted[0].source) + so_far
    else:
        return ""
    full = disk.is_full(words) or ((cut_off or status) and not disk.has_room(output.parent))
    return disk.with_remedy(words, output.parent) if full else words
