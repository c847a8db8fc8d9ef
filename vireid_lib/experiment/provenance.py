"""What a stage leaves behind: its folder and record, the digests that name it, and the checks on the numbers in it."""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vireid_lib import __version__, cores
from vireid_lib.data.contents import ASIDE, aside, write_atomically
from vireid_lib.data.text import DamagedFile, read_json
from vireid_lib.experiment.code_digest import LOADED

RESULT, ATTEMPTS = "result.json", "attempts.json"
PACKAGES = ("torch", "diffusers", "transformers", "peft", "accelerate", "numpy", "pandas", "pillow")


@dataclass(frozen=True, repr=False)
class StageRecord:
    """A finished stage: its name, e.g. "fit_dive", a digest of everything that it was made from, its folder, what its
    `result.json` holds, and whether older code has made it or something that it was made of (`--keep-results`)."""

    name: str
    key: str
    folder: Path
    result: dict
    older: bool = False

    @property
    def values(self) -> dict:
        return self.result["values"]

    def __repr__(self) -> str:
        seconds, device = self.result["wall_seconds"], self.result["device"]
        return f"StageRecord({self.name}: {seconds:.1f} s on {device}, in stages/{self.name}/{self.key})"


class ResultError(ValueError):
    """A value that must not enter a record; the message names it."""


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: object, name: str) -> object:
    """Turn numpy and torch scalars and arrays, paths and tuples into what JSON holds. Raises ResultError if a number is
    not finite, a mapping's key is no text, or a type has no place in JSON; the message names the value, e.g.
    "values.scores[3].mAP"."""
    value = value.tolist() if hasattr(value, "tolist") else value
    value = value.model_dump() if hasattr(value, "model_dump") else value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ResultError(f"{name} has the key {odd[0]!r}; keys are text.")
        return {key: plain(inner, f"{name}.{key}") for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(inner, f"{name}[{position}]") for position, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        remedy = "Find out what made it, or store None where there is nothing to measure."
        raise ResultError(f"{name} is {value}: a record holds finite numbers only. {remedy}")
    if value is None or isinstance(value, bool | str | int | float):
        return value
    remedy = "save it as a file in the stage's folder and store its name"
    raise ResultError(f"{name} is a {type(value).__name__}, which JSON cannot hold; {remedy}.")


def input_digest(value: object, name: str, cache: Path | None = None) -> str:
    """Digest of one input of a stage: a stage's record, an image table, a file, a folder or a text. `cache` remembers
    what files held (see `vireid_lib.data.contents`).

    Raises:
        ResultError: the input is none of these.
        FileNotFoundError: it is a path where there is nothing.
    """
    if isinstance(value, StageRecord):
        return f"stage:{value.name}:{value.key}"
    if isinstance(value, str):
        return f"text:{value}"
    if isinstance(value, Path):
        from vireid_lib.data.contents import content_digests

        if not value.exists():
            raise FileNotFoundError(f"{value} does not exist; it was given as a stage's input.")
        files = sorted(file for file in value.rglob("*") if file.is_file()) if value.is_dir() else [value]
        names = [file.relative_to(value).as_posix() for file in files]
        held = canonical([names, content_digests(files, cache)])
        return f"files:{hashlib.sha256(held.encode()).hexdigest()}"
    if type(value).__name__ == "DataFrame":
        from vireid_lib.data import tables

        return f"table:{tables.digest(value, cache=cache)}"
    wanted = "a stage's record, an image table, a Path or a text such as a manifest's digest"
    raise ResultError(f"input {name} is a {type(value).__name__}; give {wanted}. Settings belong in config.")


def stages_in(value: object, stages: Path) -> set[str]:
    """The stages, as "name/key", below the folder `stages` that an input of a stage comes from; of a table those in
    whose folders its images lie."""
    if isinstance(value, StageRecord):
        return {f"{value.name}/{value.key}"}
    if isinstance(value, Path):
        paths = [str(value)]
    else:
        paths = value["path"].unique() if type(value).__name__ == "DataFrame" else []
    inside = f"{stages}{os.sep}"
    return {"/".join(path[len(inside) :].split(os.sep)[:2]) for path in paths if path.startswith(inside)}


@functools.cache
def library() -> dict[str, str]:
    """Version of this library and a digest of its source, to tell apart records made by edited code."""
    source = hashlib.sha256(canonical(LOADED.texts).encode())
    return {"version": __version__, "source": source.hexdigest()[:16]}


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


@functools.cache
def hardware() -> dict[str, object]:
    """The machine: processor, usable cores, memory in GiB, and GPUs where torch sees any. On Linux the processor comes
    with its family and model: several generations bear one name, such as "AMD EPYC", and round otherwise."""
    import torch

    processor, memory = platform.processor() or platform.machine(), None
    with contextlib.suppress(OSError):
        lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
        first = {name.strip(): value.strip() for name, _, value in reversed(list(lines))}
        processor = first.get("model name", processor)
        if {"cpu family", "model"} <= first.keys():
            processor += f", family {first['cpu family']}, model {first['model']}"
    with contextlib.suppress(ValueError, OSError, AttributeError):
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    found = {"processor": processor, "cores": cores.allowed(), "memory_gib": memory, "gpus": gpus}
    return found | {"system": f"{platform.system()} {platform.machine()}"}


def made_with(device: str) -> dict[str, object]:
    """The code, the packages and the machine, for records."""
    return {"library": library(), "versions": versions(), "hardware": hardware(), "device": device}


def now() -> str:
    """The time as records have it: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def minute(time: str) -> str:
    """A record's time for reading, "2026-01-02 03:04 UTC"."""
    return time[:16].replace("T", " ") + " UTC"


def write_json(path: Path, content: object) -> None:
    """Write JSON so that `path` holds either its old content or all of the new one, also after a power cut."""
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def is_finished(path: Path) -> bool:
    """Whether a record is that of a complete stage."""
    return not path.parent.name.endswith((".partial", ASIDE))


def remove(folder: Path) -> None:
    """As a whole: after a kill in the midst of it, the next run must not take a part for work to go on with."""
    os.replace(folder, gone := aside(folder))
    shutil.rmtree(gone)


def load_record(name: str, key: str, folder: Path) -> StageRecord | None:
    """The stage's record; None where there is none, or a damaged one, which is named: the stage starts afresh."""
    if not (folder / RESULT).exists():
        return None
    try:
        held = read_json(folder / RESULT)
        if not isinstance(held, dict) or not {"values", "finished"} <= held.keys():
            raise DamagedFile(folder / RESULT, "no record of a stage")
        return StageRecord(name, key, folder, held)
    except DamagedFile as error:
        print(f"{error}\nStage {name} counts as not made.", flush=True)
        return None


def count_attempt(partial: Path) -> int:
    """How often a stage was begun, this time included."""
    path = partial / ATTEMPTS
    try:
        count = read_json(path)["attempts"] + 1
    except (FileNotFoundError, DamagedFile):
        count = 1
    write_json(path, {"attempts": count, "process": os.getpid(), "started": now()})
    return count
