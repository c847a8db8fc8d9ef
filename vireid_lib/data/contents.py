"""What a file holds: its sha256, remembered by size and times; its kind by its first bytes; how it is written whole."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from vireid_lib import disk

T = TypeVar("T")

# A file changed again within the clock's resolution keeps its times, so an entry is only trusted when the
# file was already this old at the moment it was hashed (git calls the other case "racily clean").
SETTLED_NS = 2_000_000_000
ASIDE = ".aside"
"""How the names of all files and folders end that are written beside their place and renamed when they are complete."""
ABANDONED_SECONDS = 24 * 3600  # after which nobody is taken to write them any more


def file_digest(path: str | Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: str | Path) -> list[int]:
    """Return [size in bytes, time of last write, time of last change of any kind], times in nanoseconds. The third
    moves even when a tool that preserves the second (`cp -p`, `rsync -t`) overwrites the file."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def kept_until_changed(maxsize: int) -> Callable[[Callable[[Any], T]], Callable[[Any], T]]:
    """Have a function of one file keep its last `maxsize` answers for as long as the files' stamps stay."""

    def keeping(read: Callable[[Any], T]) -> Callable[[Any], T]:
        kept = functools.lru_cache(maxsize)(lambda path, *_: read(path))
        return functools.wraps(read)(lambda path: kept(path, *stamp(path)))

    return keeping


def aside(path: Path) -> Path:
    """Where to write what becomes `path` by a rename: a hidden name beside it that no other writer has."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}{ASIDE}")


def sweep(folder: Path, older_than: int = ABANDONED_SECONDS) -> None:
    """Remove what processes that were killed left `aside` in a folder, also in those below, if it was not changed for
    so many seconds; 0 where it is known that nobody else writes there."""
    for path in list(folder.rglob(f".*{ASIDE}")):
        # Another process may rename or remove its own in this very moment.
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_mtime <= time.time() - older_than:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write a file or a folder to, renamed to `path` when the block ends.

    Other processes see the old content or the new one, never a part; a block that fails leaves nothing. Where another
    process has put a folder there meanwhile, that one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = aside(path)
    try:
        yield temporary
        try:
            os.replace(temporary, path)
        except OSError:
            if not (temporary.is_dir() and path.is_dir()):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True) if temporary.is_dir() else temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that another process sees the old file or the new one, never a part of it."""
    with disk.needing(len(data), path), written_aside(path) as temporary, open(temporary, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def reserve(path: Path) -> None:
    """Take all of a sparse file's space on disk now, where the system can. Raises OSError: the disk is full. Found out
    later, through a memory map, that would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            with disk.needing(size, path):
                os.posix_fallocate(file.fileno(), 0, size)


def content_digests(paths: Iterable[str | Path], cache: Path | None = None) -> list[str]:
    """Return the sha256 of every file's bytes, in the order of `paths`. `cache/contents.json` remembers what each file
    held together with its size and times; only files whose stamp moved are read again. Two processes may do this at
    once: an entry lost to the other one costs one more read. Raises FileNotFoundError: a file does not exist."""
    paths = [os.path.abspath(path) for path in paths]
    index_path = None if cache is None else Path(cache) / "contents.json"
    known, stamps = _read_index(index_path), {}
    for path in dict.fromkeys(paths):
        try:
            stamps[path] = stamp(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} does not exist: restore the file, or read the data set again.") from None
    unknown = [path for path, now in stamps.items() if known.get(path, (None,))[0] != now]
    started = time.time_ns()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        fresh = dict(zip(unknown, pool.map(file_digest, unknown), strict=True))
    # Trusted from now on: files that had settled, and did not change while they were read.
    old = [path for path in fresh if max(stamps[path][1:]) + SETTLED_NS < started and stamp(path) == stamps[path]]
    settled = {path: [stamps[path], fresh[path]] for path in old}
    if index_path is not None and settled:
        write_atomically(index_path, json.dumps({**_read_index(index_path), **settled}).encode())
    return [fresh.get(path) or known[path][1] for path in paths]


def _read_index(path: Path | None) -> dict[str, list]:
    return {} if path is None or not path.exists() else _parsed_index(path)


@kept_until_changed(2)  # a chapter asks for it many times, and parsing takes most of it
def _parsed_index(path: Path) -> dict[str, list]:
    """{path: [stamp, digest]}; an index that cannot be read is only a cache and starts afresh."""
    try:
        return dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError):
        return {}


STARTS = {
    (b"version https://git-lfs",): "is a Git LFS pointer, not the file: fetch it with `git lfs pull`",
    (b"<!doctype html", b"<html"): "is an HTML page, saved in place of a download: download the file itself",
    (b"<?xml",): "is XML, as a server's error is: download the file itself",
    (b"pk\x03\x04",): "begins as a zip archive and cannot be read as one: it may be cut short, so fetch it again",
    (b"\x1f\x8b",): "is compressed by gzip: unpack it",
    (b"\x80\x02", b"\x80\x04", b"\x80\x05"): "begins as a pickle",
}
"""Of files' first bytes, in small letters."""


def kind_of(path: str | Path) -> str:
    """Return what is to be said after a file's name: "is empty", "is a Git LFS pointer, …", "begins with …"."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be opened ({error.strerror or error})"
    if not start:
        return "is empty"
    for known, words in STARTS.items():
        if start.lstrip(b"\xef\xbb\xbf\r\n\t ").lower().startswith(known):
            return words
    if not start.strip(b"\0"):
        return "begins with zeros, as a download that was cut short"
    return f"begins with {start[:16]!r}"
