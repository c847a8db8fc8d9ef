"""Jobs of a study: in turn, over processes, on Ray; what fails is named and done again, and nothing runs twice."""

import os
from functools import partial
from pathlib import Path

import pytest
import torch
from counted import killed, note

from vireid_lib.experiment import cache as cache_module
from vireid_lib.experiment import executors as engines
from vireid_lib.experiment import trainings
from vireid_lib.experiment.cache import THREADS, StageFailed
from vireid_lib.experiment.pipeline import Run, load_features


def notes(folder: Path) -> list[engines.Job]:
    return [engines.Job(f"note {number}", partial(note, str(folder), number)) for number in range(4)]


@pytest.fixture(scope="module")
def two_ray_workers():
    """A Ray of two workers on this machine, which find the tests' own modules."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="warning")
        yield
        ray.shutdown()


@pytest.fixture(params=["in turn", "processes", "ray"])
def engine(request, monkeypatch):
    """Each way to run jobs; gives the device that leads to it."""
    if request.param == "ray":
        request.getfixturevalue("two_ray_workers")
        monkeypatch.setenv(engines.ENGINE, "ray")
    monkeypatch.setattr(engines.cores, "available", lambda: 2)
    return "cuda" if request.param == "in turn" else "cpu"


def test_a_failed_job_is_named_the_others_are_kept_and_nothing_runs_twice(engine, tmp_path):
    (tmp_path / "broken").touch()
    with pytest.raises(StageFailed, match=r"1 of 4 jobs failed; the other 3 are done(.|\n)*note 2: .*the lamp is out"):
        engines.run(notes(tmp_path), device=engine, label="notes")
    (tmp_path / "broken").unlink()
    values = engines.run(notes(tmp_path), device=engine, label="notes")
    assert [square for square, _ in values] == [0, 1, 4, 9]
    assert [len((tmp_path / f"made_{number}").read_text()) for number in range(4)] == [1, 1, 2, 1]
    assert (os.getpid() in {process for _, process in values}) == (engine == "cuda")


def test_a_killed_process_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(engines.cores, "available", lambda: 2)
    with pytest.raises(StageFailed, match="a process was killed"):
        engines.run([engines.Job("the doomed", killed), *notes(tmp_path)], device="cpu", label="notes")


def test_trainings_on_two_ray_workers_are_those_of_this_process(tiny_book, two_ray_workers, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "THREADS", THREADS)  # as in Ray's processes
    asked = [("real", 0), ("real", 1), ("grayscale", 0)]
    found = {}
    for engine in engines.ENGINES:
        monkeypatch.setenv(engines.ENGINE, engine)
        run = Run(tiny_book.profile, tmp_path / engine)
        records = trainings.evaluate_all([(run, *each) for each in asked])
        found[engine] = [(record.key, record.values["evaluations"], load_features(record)) for record in records]
        with monkeypatch.context() as patch:
            patch.setattr(engines, "run", lambda *_, **__: pytest.fail("a process would be started"))
            again = trainings.evaluate_all([(run, *each) for each in asked])
        assert [record.result for record in again] == [record.result for record in records]  # fetched, not made anew
    for local, ray in zip(*found.values(), strict=True):
        assert local[:2] == ray[:2]
        assert torch.equal(local[2], ray[2])
