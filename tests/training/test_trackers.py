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
    told: list = []

    def __init__(self, run_name: str, logging_dir: str) -> None:
        super().__init__()
        Fake.told = [("start", run_name, str(logging_dir))]

    @property
    def tracker(self) -> list:
        return Fake.told

    def store_init_configuration(self, values: dict) -> None:
        Fake.told.append(("settings", values))

    def log(self, values: dict, step: int | None = None, **_: object) -> None:
        Fake.told.append((step, values))

    def finish(self) -> None:
        Fake.told.append(("end",))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setitem(accelerate.tracking.LOGGER_TYPE_TO_CLASS, "fake", Fake)
    Fake.told = []
    return Fake


def run(folder: Path, steps: int = 20) -> tuple[list, torch.Tensor]:
    task = Line()
    history = train(task, steps=steps, folder=folder, seed=0, log_every=5, progress=False, device="cpu")
    return list(history), task.modules["network"].weight.detach()


def test_off_by_default(tmp_path: Path, fake: type[Fake]) -> None:
    run(tmp_path)
    assert fake.told == [] and not (tmp_path / "trackers").exists()


def test_a_tracker_is_told_the_history_and_changes_nothing(
    tmp_path: Path, fake: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plain = run(tmp_path / "plain")
    monkeypatch.setenv(trackers.NAMES, "fake")
    history, weight = run(tmp_path / "followed")
    assert torch.equal(plain, weight)
    start, (_, settings), *records, end = fake.told
    assert start[:2] == ("start", "line") and str(tmp_path / "followed") in start[2] and end == ("end",)
    assert settings["config.rate"] == 0.1 and settings["config.inner.sizes"] == "[1, 2]" and settings["steps"] == 20
    assert "config.long" not in settings
    assert [step for step, _ in records] == [5, 10, 15, 20]
    assert [{"step": step, **values} for step, values in records] == history


def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: [])
    with pytest.raises(trackers.TrackerError, match="pip install comet-ml"):
        trackers.chosen("comet_ml")
