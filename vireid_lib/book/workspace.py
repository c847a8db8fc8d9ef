"""The workspace: a folder of stages, each made once, resumed after a kill, and never made twice at a time."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock

from vireid_lib.book.records import (
    ResultError,
    StageRecord,
    canonical,
    hardware,
    input_digest,
    library,
    now,
    plain,
    versions,
    write_json,
)

RESULT = "result.json"
ATTEMPTS = "attempts.json"
THREADS = 2
"""That a stage computes with on a CPU; those that run beside each other, such as trainings, take one each."""
STAGE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class StageFailed(RuntimeError):
    """A stage raised an error; the message names stage, folder, error and how to continue."""


class Workspace:
    """A folder that holds the book's stages under `stages/<name>/<key>/`.

    The key of a stage is a digest of its name, its config, its inputs' digests, the library's version and
    the stage's own `version`. The library's *source* is deliberately not part of it: correcting a comment
    must not throw away a night of training. Whoever changes what a stage computes raises its `version`;
    the digest of the source is written into every record, so that records of different code can be told
    apart afterwards.

    A stage works in `<key>.partial/`, which survives a kill so that the next call can resume from the
    checkpoints in it. When its function returns, `result.json` is written there, last and atomically, and
    the folder is renamed to `<key>/`: a folder without `.partial` is complete by construction.

    Args:
        folder: created if it does not exist.
        device: name of the device that the stages run on, for their records.
    """

    def __init__(self, folder: str | Path, *, device: str = "cpu") -> None:
        self.folder = Path(os.path.abspath(folder))
        self.device = device
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def stages(self) -> Path:
        """Where the stages are."""
        return self.folder / "stages"

    @property
    def cache(self) -> Path:
        """A folder for what can always be made again, such as decoded images."""
        return self.folder / "cache"

    def stage(
        self,
        name: str,
        config: Mapping[str, object],
        inputs: Mapping[str, object],
        make: Callable[[Path], Mapping[str, object] | None],
        *,
        version: int = 1,
        seeds: Sequence[int] = (),
        protocol: str | None = None,
        manifests: Mapping[str, str] | None = None,
    ) -> StageRecord:
        """Return the finished stage, making it first if that has not been done.

        Args:
            name: lower-case letters, digits and underscores.
            config: all settings that the outcome depends on; goes into the key as JSON.
            inputs: StageRecords, image tables, Paths (file or folder) or texts; their digests go into the key.
            make: called with the folder to work in. It may find there what an earlier, killed call left, and
                returns the values to record. What it writes it must find again by a path relative to the folder,
                which is renamed afterwards.
            version: raise it when the code of the stage changes what it computes.
            seeds, protocol: recorded with the result.
            manifests: digest of each data set's manifest, recorded with the result.

        Raises:
            StageFailed: `make` raised; the error is its cause and the work so far is kept.
            ResultError: a value is not finite or does not fit JSON.
        """
        if not STAGE_NAME.fullmatch(name):
            raise ValueError(f"stage name {name!r}: use lower-case letters, digits, '_', '-' and '.'.")
        config = plain(config, f"{name}.config")
        digests = {key: input_digest(value, key, self.cache) for key, value in inputs.items()}
        key = _key(name, config, digests, version)
        folder = self.stages / name / key
        if (done := _load(name, key, folder)) is not None:
            os.utime(folder / RESULT)  # the time of last use: see `records`
            return done
        about = {
            "config": config,
            "inputs": digests,
            "stage_version": version,
            "seeds": list(seeds),
            "protocol": protocol,
            "manifests": dict(manifests or {}),
        }
        with self._lock(folder):
            if (done := _load(name, key, folder)) is not None:
                return done
            self._make(name, key, folder, make, about)
        return _load(name, key, folder)

    def records(self) -> list[StageRecord]:
        """All finished stages, the one used last at the end.

        By use and not by age: going back to earlier settings finds their stages done, and it is those that
        count again.
        """
        paths = [path for path in self.stages.glob(f"*/*/{RESULT}") if not path.parent.name.endswith(".partial")]
        paths.sort(key=lambda path: path.stat().st_mtime_ns)
        return [_load(path.parent.parent.name, path.parent.name, path.parent) for path in paths]

    def _make(self, name: str, key: str, folder: Path, make: Callable, about: dict) -> None:
        partial = folder.with_name(f"{key}.partial")
        # A kill after the record was written, before the rename: nothing is left to do but the rename.
        if not (partial / RESULT).exists():
            partial.mkdir(parents=True, exist_ok=True)
            attempts = _count_attempt(partial)
            started, clock = now(), time.monotonic()
            try:
                with _alike(self.device):
                    values = plain(make(partial) or {}, f"{name}.values")
                _refuse_partial_paths(values, partial, f"{name}.values")
            except ResultError:
                raise
            except Exception as error:
                raise StageFailed(
                    f"Stage {name} failed: {type(error).__name__}: {error}\n"
                    f"What it finished is kept in {partial}. Run the same again to continue from there; "
                    "delete that folder to start the stage afresh."
                ) from error
            write_json(
                partial / RESULT,
                {
                    "stage": name,
                    "key": key,
                    **about,
                    "library": library(),
                    "versions": versions(),
                    "hardware": hardware(),
                    "device": self.device,
                    "started": started,
                    "finished": now(),
                    "attempts": attempts,
                    "wall_seconds": round(time.monotonic() - clock, 3),
                    "values": values,
                },
            )
            (partial / ATTEMPTS).unlink()
        if folder.exists():
            # Without a record it is no finished stage, whatever it is; it must not block the rename.
            shutil.rmtree(folder)
        os.replace(partial, folder)

    @contextlib.contextmanager
    def _lock(self, folder: Path) -> Iterator[None]:
        """One process at a time; the operating system frees the lock of a process that died."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            print(f"Another process is making stage {folder.parent.name}; waiting for it.", flush=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def _alike(device: str) -> Iterator[None]:
    """On a CPU, the same results whatever the number of its cores."""
    from vireid_lib.training.determinism import deterministic_kernels, threads  # torch takes a second to come

    with deterministic_kernels(device == "cpu"), threads(THREADS, device == "cpu"):
        yield


def _key(name: str, config: object, digests: dict[str, str], version: int) -> str:
    parts = [name, config, digests, version, library()["version"]]
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:20]


def _load(name: str, key: str, folder: Path) -> StageRecord | None:
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return StageRecord(name, key, folder, json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ResultError(
            f"{path} is not valid JSON ({error}); delete the folder {folder} to make the stage again."
        ) from None


def _count_attempt(partial: Path) -> int:
    path = partial / ATTEMPTS
    count = json.loads(path.read_text())["attempts"] + 1 if path.exists() else 1
    write_json(path, {"attempts": count, "process": os.getpid(), "started": now()})
    return count


def _refuse_partial_paths(value: object, partial: Path, name: str) -> None:
    """A path inside the working folder would point nowhere after the rename."""
    if isinstance(value, str) and str(partial) in value:
        raise ResultError(
            f"{name} is {value!r}, inside the folder that is renamed when the stage is done; store "
            "it relative to that folder."
        )
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_partial_paths(inner, partial, f"{name}.{key}")
    if isinstance(value, list):
        for position, inner in enumerate(value):
            _refuse_partial_paths(inner, partial, f"{name}[{position}]")
