"""The cache: a folder of stages, each made once, resumed after a kill, and never made twice at a time."""

import copy
import dataclasses
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vireid_lib import disk, user_paths
from vireid_lib.data.contents import ASIDE, sweep, write_atomically
from vireid_lib.data.text import DamagedFile
from vireid_lib.experiment import locks, provenance
from vireid_lib.experiment.code_digest import LOADED, CodeChanged, refuse_changed_sources
from vireid_lib.experiment.provenance import ATTEMPTS, RESULT, ResultError, StageRecord, canonical, load_record, remove

THREADS = 2
"""That a stage computes with on a CPU; those that run beside each other, such as trainings, take one each."""
STAGE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
KEEP_RESULTS = "VIREID_KEEP_RESULTS"
"""Environment variable that `--keep-results` sets: what older code has made is taken where today's code has made
nothing."""
KEPT = "application/vnd.vireid.kept"
"""Type of a notebook's output that says that a result of older code was taken."""


class NotMade(Exception):
    """A stage is asked of a cache that makes none, and has not been made."""


class StageFailed(RuntimeError):
    """A stage raised an error; the message names stage, folder, error and how to continue."""


class Cache:
    """A folder that holds the stages of runs under `stages/<name>/<key>/`.

    The key of a stage has two parts, `<settings>-<code>`: a digest of its name, its config and its inputs' digests, and
    a digest of the code that it runs (`code_digest`: a corrected comment keeps a night of training, a changed loss
    does not). A result is found by its key alone, never by the time of a file, and finding it writes nothing.

    A stage works in `<key>.partial/`, which survives a kill so that the next call can resume from the
    checkpoints in it. When its function returns, `result.json` is written there, last and atomically, and
    the folder is renamed to `<key>/`: a folder without `.partial` is complete by construction.

    Args:
        device: that the stages run on, for their records.
        keep: take the results of older code where today's has made none (`--keep-results`); their records, and those
            of whatever is made of them, say `older`. None asks the environment.

    Attributes:
        makes: False makes nothing, and waits for nothing that another process makes: `stage` raises NotMade.
        older: whether any stage that it was asked for is of older code.
    """

    def __init__(self, folder: str | Path, *, device: str = "cpu", keep: bool | None = None) -> None:
        self.folder = user_paths.absolute(folder)
        self.device = device
        self.keep = bool(os.environ.get(KEEP_RESULTS)) if keep is None else keep
        self.makes, self.older = True, False
        self._older: set[str] = set()
        user_paths.made(self.folder)

    @property
    def stages(self) -> Path:
        return self.folder / "stages"

    @property
    def files(self) -> Path:
        """A folder for what can always be made again, such as decoded images."""
        return self.folder / "cache"

    def stage(
        self,
        name: str,
        config: Mapping[str, object],
        inputs: Mapping[str, object],
        make: Callable[[Path], Mapping[str, object] | None],
        *,
        code: Sequence[Any] = (),
        seeds: Sequence[int] = (),
        protocol: str | None = None,
        manifests: Mapping[str, str] | None = None,
        also: Mapping[str, object] | None = None,
    ) -> StageRecord:
        """Return the finished stage, making it first if that has not been done.

        Args:
            config: all settings that the outcome depends on; goes into the key as JSON.
            inputs: StageRecords, image tables, Paths (file or folder) or texts; their digests go into the key.
            make: called with the folder to work in. It may find there what an earlier, killed call left, and
                returns the values to record. What it writes it must find again by a path relative to the folder,
                which is renamed afterwards.
            code: modules, classes or functions of the package that `make` runs and that its source does not name, such
                as a method that is looked up by name.
            seeds, protocol, manifests (their digests): recorded with the result.
            also: values to record besides those that `make` returns.

        Raises:
            StageFailed: `make` raised; the error is its cause and the work so far is kept.
            CodeChanged: the code of the stage is no longer on disk as this process has loaded it; nothing is made.
            ResultError: a value is not finite or does not fit JSON.
        """
        if not STAGE_NAME.fullmatch(name):
            raise ValueError(f"stage name {name!r}: use lower-case letters, digits, '_', '-' and '.'.")
        config = provenance.plain(config, f"{name}.config")
        digests = {key: provenance.input_digest(value, key, self.files) for key, value in inputs.items()}
        made_of = sorted({place for value in inputs.values() for place in provenance.stages_in(value, self.stages)})
        settings = hashlib.sha256(canonical([name, config, digests]).encode()).hexdigest()[:16]
        key = f"{settings}-{LOADED.digest(make, code)}"
        if (done := self._finished(name, key, made_of)) is not None:
            return done
        if not self.makes:
            raise NotMade(name)
        about = {"config": config, "inputs": digests, "made_of": made_of, "seeds": list(seeds), "protocol": protocol}
        about |= {"manifests": dict(manifests or {})}
        (self.stages / name).mkdir(parents=True, exist_ok=True)
        waiting = f"Another process is making stage {name}; waiting for it."
        with locks.held(self.stages / name / f".{key}.lock", waiting=waiting):
            if (done := self._finished(name, key, made_of)) is not None:
                return done
            self._make(name, key, make, code, about, also or {})
        return self._finished(name, key, made_of)

    def _finished(self, name: str, key: str, made_of: Sequence[str]) -> StageRecord | None:
        """The stage as today's code has made it, else, if such are kept, as older code has made it last."""
        record = load_record(name, key, self.stages / name / key)
        older = any(place in self._older for place in made_of)
        if record is None and self.keep:
            paths = filter(provenance.is_finished, (self.stages / name).glob(f"{key.partition('-')[0]}-*/{RESULT}"))
            others = (load_record(name, path.parent.name, path.parent) for path in paths)
            record = max(filter(None, others), key=lambda each: (each.result["finished"], each.key), default=None)
            older = True
        if record is None:
            return None
        place = f"{name}/{record.key}"
        self.older |= older
        if older and place not in self._older:
            self._older.add(place)
            if record.key != key:
                _say_kept(f"Kept: {name}, made by older code ({provenance.minute(record.result['finished'])}).")
        return dataclasses.replace(record, older=older)

    def reading(self) -> "Cache":
        """The same stages, in a cache that makes none."""
        own = copy.copy(self)
        own.makes, own.older = False, False
        return own

    def records(self) -> list[StageRecord]:
        """All finished stages, by name, then by the time at which they were made, as their records have it."""
        paths = filter(provenance.is_finished, self.stages.glob(f"*/*/{RESULT}"))
        found = [load_record(path.parent.parent.name, path.parent.name, path.parent) for path in paths]
        return sorted(filter(None, found), key=lambda record: (record.name, record.result["finished"], record.key))

    def _make(self, name: str, key: str, make: Callable, code: Sequence[Any], about: dict, also: Mapping) -> None:
        from vireid_lib.training.determinism import deterministic_kernels, threads  # torch takes a second to come

        refuse_changed_sources(make, code)
        folder = self.stages / name / key
        partial = folder.with_name(f"{key}.partial")
        for gone in folder.parent.glob(f".{key}.*{ASIDE}"):  # of a process that was killed while it removed it
            shutil.rmtree(gone)
        if (partial / RESULT).exists() and load_record(name, key, partial) is None:
            remove(partial)
        # A kill after the record was written, before the rename: nothing is left to do but the rename.
        if not (partial / RESULT).exists():
            partial.mkdir(parents=True, exist_ok=True)
            attempts = provenance.count_attempt(partial)
            started, clock = provenance.now(), time.monotonic()
            try:
                # On a CPU, the same results whatever the number of its cores.
                with deterministic_kernels(self.device == "cpu"), threads(THREADS, self.device == "cpu"):
                    values = provenance.plain({**(self._made(make, partial) or {}), **also}, f"{name}.values")
                if str(partial) in canonical(values):
                    why = f"a path inside {partial}, which is renamed when the stage is done"
                    raise ResultError(f"{name}.values holds {why}; store it relative to that folder.")
            except (ResultError, CodeChanged):
                raise
            except Exception as error:
                raise StageFailed(
                    f"Stage {name} failed: {disk.told(error, partial)}\n"
                    f"What it finished is kept in {partial}. Run the same again to continue from there; "
                    "delete that folder to start the stage afresh."
                ) from error
            spent = {"started": started, "finished": provenance.now(), "attempts": attempts}
            spent["wall_seconds"] = round(time.monotonic() - clock, 3)
            about = {"stage": name, "key": key, **about, **provenance.made_with(self.device), **spent, "values": values}
            provenance.write_json(partial / RESULT, about)
        (partial / ATTEMPTS).unlink(missing_ok=True)
        sweep(partial, older_than=0)
        if folder.exists():
            # Without a record it is no finished stage, whatever it is; it must not block the rename.
            remove(folder)
        os.replace(partial, folder)

    @staticmethod
    def _made(make: Callable, partial: Path) -> Mapping[str, object] | None:
        """What the stage's function returns. Where a power failure has damaged what an earlier call left, the stage
        starts afresh, for nobody knows what else is lost."""
        try:
            return make(partial)
        except DamagedFile as error:
            if not error.path.is_relative_to(partial):
                raise
            print(f"{error}\nThe stage starts afresh.", flush=True)
            attempts = (partial / ATTEMPTS).read_bytes()
            remove(partial)
            write_atomically(partial / ATTEMPTS, attempts)
            return make(partial)


def _say_kept(line: str) -> None:
    """Tell the reader; in a notebook under a type of its own, so that its page can tell that it holds such results."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from IPython.display import display

        display({KEPT: line, "text/plain": line}, raw=True)
    else:
        print(line, flush=True)
