"""Why a model that diffusers or transformers loads, from a folder or the hub, could not be loaded."""

from collections.abc import Sequence
from pathlib import Path

from vireid_lib.data.text import TextError, printable, read_json
from vireid_lib.training import hub, weights


def explained(
    what: str, name: str, error: Exception, *, folder: Path | None, index: str, parts: Sequence[str] = ()
) -> Exception:
    """The error to raise in place of `error`: names the broken or missing file, or why the hub's model cannot be had,
    without other libraries' advice.

    Args:
        what: the setting that named the model.
        folder: where it lies, None for a model of the hub. index: the file that every such model has.
        parts: files and folders that it consists of, beside one another; empty takes all that lies there.
    """
    place = folder
    if place is None:
        found = hub.held(name, index)
        if found is None:
            return FileNotFoundError(f"{what} {name!r} could not be had from the hub. {hub.why_not(name, error)}")
        place = found.parent
    for part in parts or ("",):
        for file in sorted([place / part, *(place / part).rglob("*")]):
            if complaint := _complaint(file):
                return weights.WeightsError(f"{what} {name!r} cannot be loaded: {complaint}")
    if lacking := [part for part in dict.fromkeys((index, *parts)) if not (place / part).exists()]:
        remedy = "copy the whole folder." if folder is not None else hub.why_not(name, error)
        return FileNotFoundError(f"{what} {name!r} lacks {', '.join(lacking)} in {place}: {remedy}")
    lines = printable(str(error)).strip().splitlines() or [type(error).__name__]
    reason = f"{type(error).__name__}: {lines[0]}" if not hub.advises(lines[0]) else type(error).__name__
    return ValueError(f"{what} {name!r} in {place} cannot be loaded ({reason}): copy or fetch it again, whole.")


def _complaint(file: Path) -> str:
    """What is wrong with one file of a model, "" if nothing is."""
    try:
        if file.is_file() and file.suffix == ".json":
            read_json(file)
        elif file.is_file() and file.suffix in weights.FILES:
            weights.read_file(file)
    except (TextError, weights.WeightsError) as error:
        return str(error)
    return ""
