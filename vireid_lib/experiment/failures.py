"""Why a chapter cannot be called run: read from its notebook and its log, and not from papermill's own marks."""

import textwrap
from pathlib import Path

import nbformat

from vireid_lib import disk
from vireid_lib.experiment.notebooks import Chapter

INDENT = "    "


def failure(chapter: Chapter, output: Path, log: Path, status: int) -> str:
    """Say why a chapter cannot be called run, or "" if it can: papermill's own marks are not asked."""
    try:
        notebook = nbformat.read(output, as_version=4) if output.exists() else None
    except (ValueError, nbformat.reader.NotJSONError):
        notebook = None  # cut off, or no notebook at all
    words = _what_failed(chapter, output, log, status, notebook)
    if words and "The disk is full" not in words:
        cut_off = output.exists() and notebook is None
        if disk.is_full(words) or ((cut_off or status) and not disk.has_room(output.parent)):
            words += f"\n{disk.in_words(output.parent)}"
    return words


def _what_failed(chapter: Chapter, output: Path, log: Path, status: int, notebook: nbformat.NotebookNode | None) -> str:
    for cell in notebook.cells if notebook else ():
        for produced in cell.get("outputs", ()):
            if produced.output_type == "error":
                return (
                    f"Chapter {chapter.name} failed in this cell:\n\n{textwrap.indent(cell.source, INDENT)}\n\n"
                    f"{produced.ename}: {produced.evalue}\nThe notebook so far: {output}"
                )
    if status != 0 or notebook is None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        tail = "\n".join(lines[-15:]) or "it left no word of why"
        if output.exists() and notebook is None:
            tail += f"\n{output} is cut off."
        return f"Chapter {chapter.name} could not be executed (exit status {status}):\n{textwrap.indent(tail, INDENT)}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if unexecuted := [cell for cell in code if cell.execution_count is None]:
        return (
            f"Chapter {chapter.name}: {len(unexecuted)} of its cells did not run, first this one:\n\n"
            f"{textwrap.indent(unexecuted[0].source, INDENT)}\nThe notebook so far: {output}"
        )
    return ""
