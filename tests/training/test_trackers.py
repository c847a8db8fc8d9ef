"""Trackers: off by default, told every record of the history and the settings, and nothing else."""

from pathlib import Path

import accelerate.tracking
import pytest
import torch
from toys import Line

from vireid_lib.training import trackers
from vireid_lib.training.loop import train


class Fake(accelerate.tracking.GeneralTracker):
    """Remembers what it is told."""

    name, requires_logging_directory, main_process_only = "fake", True, True
    tracker = told = None

    def __init__(self, run_name: str, logging_dir: str) -> None:
        super().__init__()
        Fake.told = [("start", run_name, str(logging_dir))]

    def store_init_configuration(self, values: dict) -> None:
        Fake.told.append(("settings", values))

    def log(self, values: dict, step: int | None = None, **_: object) -> None:
        Fake.told.append((step, values))

    def finish(self) -> None:
        Fake.told.append(("end",))


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accelerate.tracking.LOGGER_TYPE_TO_CLASS, "fake", Fake)
    monkeypatch.setattr(Fake, "told", None)


def run(folder: Path) -> tuple[list, torch.Tensor]:
    task = Line()
    history = train(task, steps=20, folder=folder, seed=0, log_every=5, progress=False, device="cpu")
    return list(history), task.modules["network"].weight.detach()


def test_off_by_default_and_told_the_history_where_asked_for(tmp_path, monkeypatch):
    _, plain = run(tmp_path / "plain")
    assert Fake.told is None and not (tmp_path / "plain/trackers").exists()
    monkeypatch.setenv(trackers.NAMES, "fake")
    history, weight = run(tmp_path / "followed")
    assert torch.equal(plain, weight)
    start, (_, settings), *records, end = Fake.told
    assert start[:2] == ("start", "line") and str(tmp_path / "followed") in start[2] and end == ("end",)
    assert settings["config.rate"] == 0.1 and settings["config.inner.sizes"] == "[1, 2]" and settings["steps"] == 20
    assert "config.long" not in settings
    assert [step for step, _ in records] == [5, 10, 15, 20]
    assert [{"step": step, **values} for step, values in records] == history


def test_a_tracker_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: [])
    with pytest.raises(trackers.TrackerError, match="pip install comet-ml"):
        trackers.chosen("comet_ml")
