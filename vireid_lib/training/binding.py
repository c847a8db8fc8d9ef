"""A folder of work belongs to its settings: the first run writes them down, a later one with others is refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vireid_lib.data.contents import write_atomically
from vireid_lib.data.text import read_json

SHOWN = 3  # entries of two differing lists that a message names


def bind(file: Path, settings: Mapping[str, Any], *, what: str, write: bool = True) -> None:
    """Claim `file`'s folder for `settings` (JSON values), or see that it is theirs; `write=False` only compares (all
    processes of a job but the first). Raises ValueError: the folder belongs to other settings; says `what` lies there,
    e.g. "another training", and each difference. Raises DamagedFile: `file` can't be read, so that nobody knows what
    the folder belongs to."""
    settings = json.loads(json.dumps(settings))
    if file.exists():
        found = list(differences(read_json(file), settings))
        if found:
            raise ValueError(f"{file.parent} holds {what}: {'; '.join(found)}. Choose another, or delete this one.")
    elif write:
        write_atomically(file, json.dumps(settings, indent=1).encode())


def differences(there: Any, here: Any, place: str = "") -> Iterator[str]:
    """Say in words where two JSON values differ; of lists, what only one of them has."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(there.keys() | here.keys()):
            yield from differences(there.get(key), here.get(key), f"{place}.{key}" if place else key)
    elif there == here:
        return
    elif isinstance(there, list) and isinstance(here, list) and max(len(there), len(here)) > SHOWN:
        gone, new = ([x for x in one if x not in other] for one, other in ((there, here), (here, there)))
        said = [
            f"{verb} {len(items)} ({', '.join(map(repr, items[:SHOWN]))}{', …' * (len(items) > SHOWN)})"
            for verb, items in (("lacks", gone), ("adds", new))
            if items
        ]
        yield f"{place} {' and '.join(said) or 'is in another order'} now"
    else:
        yield f"{place} is {there!r} there and {here!r} now"


def flat(changes: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Settings of sections, one by one under their dotted keys."""
    found = {}
    for name, value in changes.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
