"""A full disk: recognised in whatever error it shows itself, and told with place, room and remedy."""

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

NUMBERS = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
WORDS = re.compile(r"No space left on device|Disk quota exceeded|os error (28|122)\b|\[Errno (28|122)\]|WinError 112")
"""How other libraries' errors say it, whose numbers are lost."""

SAID = "The disk is full"
"""How `in_words` begins. Errors come from other processes, and from those of notebooks as text alone."""

LITTLE = 4 * 2**20
"""Bytes: with less room than this, a notebook or a log may be cut off."""


def is_full(found: BaseException | str) -> bool:
    """Whether an error, or a text that tells of one, comes from a full disk or a used-up quota."""
    if isinstance(found, str):
        return WORDS.search(found) is not None
    return any(getattr(each, "errno", None) in NUMBERS or is_full(str(each)) for each in causes(found))


def causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from."""
    found = [error]
    while (error := error.__cause__ or error.__context__) is not None and error not in found:
        found.append(error)
    return found


def has_room(place: Path) -> bool:
    """Whether a small file could be written there."""
    return _usage(place).free >= LITTLE


def in_words(place: Path, needed: int | None = None) -> str:
    """That the disk is full at `place` (which need not exist), how much room there is of `needed` bytes, what to do."""
    usage = _usage(place)
    wanted = "" if needed is None else f"; {readable(needed)} are needed"
    return (
        f"{SAID}, or your quota of it is used up, at {place}: {readable(usage.free)} of "
        f"{readable(usage.total)} are free now{wanted}. Make room there, or take a --workspace on another disk, and "
        "run the same again: what is finished is kept."
    )


def told(error: BaseException, place: Path) -> str:
    """The error's type and words, and if the disk is full, that it is and what to do."""
    words = f"{type(error).__name__}: {error}"
    if not is_full(error) or SAID in words:
        return words
    written = sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file()) if place.is_dir() else 0
    so_far = f" {readable(written)} have been written to {place} so far." if written else ""
    return f"{words}\n{in_words(place)}{so_far}"


def with_remedy(words: str, place: Path) -> str:
    """The words of an error of a full disk and, where they do not say it yet, that the disk is full and what to do."""
    return words if SAID in words else f"{words}\n{in_words(place)}"


@contextlib.contextmanager
def needing(size: int, file: Path) -> Iterator[None]:
    """Have an error of a full disk in the block say how many bytes `file` was to have."""
    try:
        yield
    except OSError as error:
        if error.errno not in NUMBERS:
            raise
        raise OSError(error.errno, f"{error.strerror}: {readable(size)} are needed", str(file)) from error


def readable(size: float) -> str:
    """Bytes for people, in powers of a thousand, e.g. "1.2 MB"."""
    names = ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(names) > 1:
        size = size / 1000
        names.pop(0)
    return f"{size:.3g} {names[0]}"


def _usage(place: Path):
    place = Path(place)
    return shutil.disk_usage(next(each for each in (place, *place.absolute().parents) if each.exists()))
