"""Who runs the jobs of a study: the cores of this machine in turn, or a Ray cluster that shares the workspace.

Not joblib: its generator of results ends at the first dead worker, so the trainings that finish after it would be lost.
"""

import concurrent.futures
import importlib.util
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any

from vireid_lib import cores
from vireid_lib.did_you_mean import hint
from vireid_lib.experiment.cache import KEEP_RESULTS, StageFailed
from vireid_lib.training.progress import Progress
from vireid_lib.training.trackers import NAMES as TRACKERS

ENGINES = ("local", "ray")
ENGINE, ADDRESS = "VIREID_ENGINE", "VIREID_RAY_ADDRESS"
"""Environment variables that `--engine` and `--address` set. No arguments of a stage, because no result depends on
them, and they shall reach the process of the notebook."""


@dataclass(frozen=True)
class Job:
    """A stage to make: `make()`, which another process can unpickle, makes or fetches it; `words` name it for readers,
    e.g. "den on real, seed 0"."""

    words: str
    make: Callable[[], Any]


def check(engine: str) -> str:
    """The engine's name. Raises ValueError if there is no such engine, or Ray is not installed."""
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}; {hint(engine, ENGINES)} All: {', '.join(ENGINES)}.")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise ValueError('The engine ray needs the package Ray: pip install -e ".[cluster]".')
    return engine


def chosen() -> str:
    """The engine that `--engine` named; "local" by default."""
    return check(os.environ.get(ENGINE, "local"))


Outcome = tuple[int, Any, BaseException | None]
"""Number of a job that has ended, its value, its error."""


def run(jobs: Sequence[Job], *, device: str, label: str, unit: str = "jobs") -> list[Any]:
    """Every job's value, in their order, under a progress line with this label and unit.

    On the device "cpu" the local engine runs as many jobs at a time as there are cores, else one after the other. A job
    that fails does not stop the others; what is done is kept, so that running the same again does the rest. Raises
    StageFailed: some jobs failed; names each, with its error."""
    values, errors = {}, {}
    with Progress(len(jobs), label, unit=unit) as line:
        at_a_time = min(len(jobs), cores.available()) if device == "cpu" else 1
        for place, value, error in _on_ray(jobs) if chosen() == "ray" else _here(jobs, at_a_time):
            if error is None:
                values[place] = value
            else:
                errors[place] = error
            line.update(len(values) + len(errors))
        if errors:
            told = "\n".join(f"- {jobs[place].words}: {_in_words(errors[place])}" for place in sorted(errors))
            words = f"{len(errors)} of {len(jobs)} {unit} failed; the other {len(values)} are done and kept."
            raise StageFailed(f"{words} Run the same again to do these alone:\n{told}") from errors[min(errors)]
    return [values[place] for place in range(len(jobs))]


def _in_words(error: BaseException) -> str:
    if isinstance(error, BrokenExecutor):
        return "a process was killed, this job's or one beside it; often the memory did not suffice"
    return str(error) if isinstance(error, StageFailed) else f"{type(error).__name__}: {error}"


def _here(jobs: Sequence[Job], at_a_time: int) -> Iterator[Outcome]:
    if at_a_time == 1:
        for place, job in enumerate(jobs):
            try:
                yield place, job.make(), None
            except Exception as error:
                yield place, None, error
        return
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(at_a_time, spawn, initializer=_quietly) as pool:
        waiting = {pool.submit(job.make): place for place, job in enumerate(jobs)}
        try:
            for done in concurrent.futures.as_completed(waiting):
                error = done.exception()
                yield waiting[done], None if error else done.result(), error
        finally:
            pool.shutdown(cancel_futures=True)


def _quietly() -> None:
    """The bars of several trainings would cover each other."""
    Progress.quiet = True


def _on_ray(jobs: Sequence[Job]) -> Iterator[Outcome]:
    import ray

    _join(ray)
    gpus = 1 if ray.cluster_resources().get("GPU", 0) else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus)(_guarded)
    waiting = {task.options(name=job.words).remote(job.make): place for place, job in enumerate(jobs)}
    try:
        while waiting:
            (done,), _ = ray.wait(list(waiting))
            place = waiting.pop(done)
            try:
                yield place, *ray.get(done)
            except ray.exceptions.RayError as error:  # the process died, more often than Ray tries again
                yield place, None, error
    finally:
        for left in waiting:
            ray.cancel(left)


def _guarded(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """A value and no error, or the other way round: Ray would wrap an error in one of its own, with its traceback as
    the message. Only the words of the error travel, since not every error can."""
    _quietly()
    try:
        return make(), None
    except Exception as error:
        return None, error if isinstance(error, StageFailed) else RuntimeError(f"{type(error).__name__}: {error}")


def _join(ray: Any) -> None:
    """Connect to the cluster that `--address` named, or start one on this machine's cores."""
    if ray.is_initialized():
        return
    address = os.environ.get(ADDRESS, "")
    passed = {name: os.environ[name] for name in (TRACKERS, KEEP_RESULTS) if name in os.environ}
    here = {} if address else {"num_cpus": cores.available(), "include_dashboard": False}
    options = {"log_to_driver": False, "logging_level": "warning", "runtime_env": {"env_vars": passed}}
    try:
        ray.init(address=address or "local", **options, **here)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConnectionError(
            f"No Ray cluster answers at {address or 'this machine'}: {error}. Give the address that `ray start --head` "
            "printed (HOST:6379), `auto` on a machine of the cluster, or leave --address out to start one here."
        ) from error
