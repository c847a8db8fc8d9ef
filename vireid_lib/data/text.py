"""Text that people write or unpack: UTF-8 with or without a byte-order mark, anything else refused by name."""

import json
from pathlib import Path

# The byte-order marks of UTF-16 and UTF-32; the shorter ones begin the longer ones, and one remedy serves both.
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class TextError(ValueError):
    """A text file that cannot be read; the message names the file and the remedy."""


class DamagedFile(TextError):
    """A JSON file that holds none, such as one that a full disk or a power failure left empty or cut.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, why: str) -> None:
        held = f"{path.stat().st_size:,} bytes; {why}" if path.stat().st_size else "empty"
        super().__init__(
            f"{printable(path)} is not valid JSON ({held}), as a full disk or a power failure can leave a file: "
            "restore it or, where this library wrote it, delete its folder."
        )
        self.path = path


def read_text(path: str | Path) -> str:
    """Return what a UTF-8 file says, without its byte-order mark and with `\\n` at the end of lines.

    Raises FileNotFoundError, or TextError if it cannot be opened or is in another encoding.
    """
    return _decoded(_held(Path(path)), path)


def read_json(path: str | Path) -> object:
    """Return what a JSON file holds. Raises as `read_text`, and DamagedFile if it is not UTF-8 or not JSON."""
    data = _held(Path(path))  # not within the `try`: what may not be read is not damaged
    try:
        return json.loads(_decoded(data, path))
    except (ValueError, RecursionError) as error:  # numbers too long, brackets too deep, and what is no JSON
        raise DamagedFile(Path(path), str(error)) from None


def _held(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:  # a folder, or no permission
        raise TextError(f"{printable(path)} cannot be read ({error.strerror or error}): make it readable.") from None


def _decoded(data: bytes, path: str | Path) -> str:
    if data.startswith(UTF_16) or b"\0" in data:
        raise TextError(f"{printable(path)} is not UTF-8 text but looks like UTF-16: save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError(f"{printable(path)}, line {line}, is not UTF-8 text: save it as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def printable(name: str | Path) -> str:
    """Return a file's name, or a message with one, for the eye: bytes that are not UTF-8 are shown as `\\xb8`.

    Python keeps such bytes of a name as lone surrogates, which no terminal and no UTF-8 file takes.
    """
    try:
        return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte, as Windows allows
        return str(name).encode("utf-8", "backslashreplace").decode("utf-8")
