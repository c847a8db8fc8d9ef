"""Paths as people write them: `~` is a home; a relative path belongs to the file, or the shell, that it stands in."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel

from vireid_lib import disk

YAML = (".yaml", ".yml")
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
EMBEDDED = "mini"
"""The one name of a model that comes with the library, wherever a folder could be named."""

WRITTEN_AS_PATH = re.compile(r"[./~\\]|[A-Za-z]:[/\\]")

_SOURCE = object()
Source = Annotated[str, _SOURCE]
"""Type of a setting that names a file or folder, or else an id on the hub: a profile's are looked for beside it."""


class FolderError(OSError):
    """A folder that cannot be made where it was asked for; the message names it and the remedy."""


def made(folder: Path) -> Path:
    """The folder, made with those above it. Raises FolderError, unless the disk is full, where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if disk.is_full(error):
            raise
        raise FolderError(f"{folder} cannot be made a folder ({error.strerror}): name another place.") from None
    return folder


def expanded(path: str | Path) -> Path:
    """The path with the home that `~` or `~name` stands for. Raises ValueError if no such home is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{path}: no home is known for {Path(path).parts[0]}; write the path in full, or ./{path} if a name begins "
            "with ~."
        ) from None


def absolute(path: str | Path, folder: str | Path = "") -> Path:
    """The path in full; a relative one is inside `folder`, by default where the shell is."""
    return Path(os.path.abspath(Path(folder) / expanded(path)))


def is_yaml(name: str | Path) -> bool:
    """Whether this is a YAML file's name and not the name of something that comes with the project."""
    return Path(name).suffix.lower() in YAML


def settled(settings: Mapping[str, object], model: type[BaseModel], folder: Path) -> dict[str, object]:
    """`settings` of `model`, written in a file in `folder`, with every file or folder among its sources in full. Raises
    ValueError: one that is written as a path is not there, or lies where the shell is and not beside the file."""
    found = dict(settings)
    for name in sources(model):
        value = settings.get(name)
        if value == "":
            raise ValueError(f"{name} is empty; write a path or a name, or remove it")
        if isinstance(value, str) and value != EMBEDDED:
            found[name] = _settled(name, value, folder)
    return found


def sources(model: type[BaseModel]) -> Iterator[str]:
    """Names of the settings whose type is `Source`, or `Source | None`."""
    for name, field in model.model_fields.items():
        inner = [part for each in get_args(field.annotation) for part in getattr(each, "__metadata__", ())]
        if _SOURCE in (*field.metadata, *inner):
            yield name


def _settled(name: str, value: str, folder: Path) -> str:
    path = absolute(value, folder)
    if os.path.exists(path):  # Path's own raises for a name that is too long
        return str(path)
    if WRITTEN_AS_PATH.match(value) or Path(value).suffix.lower() in WEIGHTS:
        where = "" if Path(value).is_absolute() else ", which is relative to the file that says so,"
        raise ValueError(f"{name} is {value!r}{where} and {path} does not exist; correct the path")
    if os.path.exists(value):
        raise ValueError(
            f"{name} is {value!r}, which lies in {Path.cwd()} and not beside the file that says so: write "
            f"{os.path.relpath(Path(value), folder)!r}, relative to that file, or the path in full"
        )
    return value
