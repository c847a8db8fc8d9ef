"""What a file is by its first bytes, for errors about files that are not what their name says."""

from pathlib import Path

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
