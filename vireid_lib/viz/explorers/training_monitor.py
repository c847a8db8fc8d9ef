"""Training monitor: the curves of what is being trained in a workspace, by this kernel or any other process."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vireid_lib.experiment.cache import ATTEMPTS
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.training.progress import duration
from vireid_lib.viz import Curve, Picture, live_curves, nothing_yet, widgets

MOST = 24  # trainings that are shown, the ones written last
PARTIAL = ".partial"
HISTORY = "history.jsonl"
DEPTHS = ("*/*", "*/*/*", "*/*/*/*")  # of a training's folder below the stages
EVERY = 3.0  # seconds between two looks
CLOCK = 30.0  # seconds after which a figure with unfinished trainings is drawn again without news
SILENCE = 60.0  # seconds without a record after which a training is no longer said to run


@dataclass(frozen=True, eq=False)
class Training:
    """One training, finished or not, as its folder tells it.

    Attributes:
        stage: the name of the stage that trains, e.g. "train_dive".
        task: what is trained, e.g. "agw, seed 0".
        steps: in all.
        history: column `step` and one per loss; empty before the first record.
        finished: whether the stage is.
        recorded: when the last record was written, in seconds since 1970.
        started: (step, time) from which the speed is measured.
    """

    stage: str
    task: str
    steps: int
    history: pd.DataFrame
    finished: bool
    recorded: float
    started: tuple[int, float]

    @property
    def step(self) -> int:
        """Recorded last."""
        return int(self.history["step"].iloc[-1]) if len(self.history) else 0

    @property
    def name(self) -> str:
        """What it is trained on, and the seed: "DiVE, seed 0"."""
        stage = self.stage.removeprefix("train_")
        words = training_label(stage).removeprefix("+ ") if stage != self.stage else stage.replace("_", " ")
        seed = self.task.rpartition(", ")[2]
        return f"{words}, {seed}" if seed.startswith("seed ") else words

    @property
    def kind(self) -> str:
        """What is trained, without the seed: trainings of one kind have comparable losses."""
        return self.task.partition(", seed ")[0]

    def seconds_left(self) -> float | None:
        """At the mean speed since `started`; None where that is not known, 0 where no step is left."""
        done, seconds = self.step - self.started[0], self.recorded - self.started[1]
        if self.finished or self.step >= self.steps:
            return 0.0
        return (self.steps - self.step) * seconds / done if done > 0 and seconds > 0 else None

    def state(self, now: float) -> str:
        """In words: how far it is, and how long it will take."""
        if self.finished:
            return f"{self.steps} steps, finished"
        if self.step >= self.steps:
            return f"{self.steps} steps; the stage goes on"
        far, silent, left = f"{self.step}/{self.steps}", now - self.recorded, self.seconds_left()
        usual = 5 * (self.recorded - self.started[1]) / max(len(self.history), 1)
        if silent > max(SILENCE, usual):
            return f"{far}, no news for {duration(silent)}"
        return f"{far}, time left unknown" if left is None else f"{far}, {duration(max(left - silent, 0))} left"


def monitor(run: Run, *, every: float = EVERY) -> widgets.Watch:
    """Show the curves of the workspace's trainings; in an interactive session, draw them again as they grow.

    It reads files and nothing else: open it before a long cell, or in a second notebook, or while `vireid book` runs
    in a terminal.

    Args:
        every: seconds between two looks.

    Returns:
        `.stop()` draws it a last time and looks no further.
    """
    folder = run.cache.stages
    return widgets.watch(lambda: board(trainings(folder)), lambda: _stamp(folder), every=every)


def board(found: list[Training], now: float | None = None) -> Picture:
    """A panel for each kind of training, a curve for each training, and how far each is."""
    if not found:
        return nothing_yet("No training in this workspace yet.")
    now = time.time() if now is None else now
    running = [each.kind for each in reversed(found) if not each.finished]  # what is under way stands above
    panels: dict[str, list[Curve]] = {kind: [] for kind in running}
    for each in found:
        terms = [name for name in each.history.columns if name != "step"]
        term = "total" if "total" in terms or not terms else terms[0]
        value = f", loss {each.history[term].iloc[-1]:.3g}" if terms else ""
        values = each.history[["step", term]].set_axis(["step", "value"], axis=1) if terms else pd.DataFrame()
        panels.setdefault(each.kind, []).append(
            Curve(each.name.partition(", seed")[0], f"{each.name}: {each.state(now)}{value}", values, each.finished)
        )
    return live_curves(panels)


def trainings(stages: Path, most: int = MOST) -> list[Training]:
    """The trainings in a folder of stages, those that were written last; the newest at the end.

    A folder that another process renames or removes while it is read is left out this time.
    """
    newest = sorted(_histories(stages), key=lambda pair: pair[1])[-most:]
    found = []
    for path, recorded in newest:
        try:
            found.append(_read(stages, path, recorded))
        except (OSError, ValueError, KeyError):  # just renamed, or just being written
            continue
    return found


def _histories(stages: Path) -> Iterator[tuple[Path, float]]:
    for depth in DEPTHS:
        for path in stages.glob(f"{depth}/{HISTORY}"):
            try:
                yield path, path.stat().st_mtime
            except OSError:
                continue


def _stamp(stages: Path) -> tuple:
    """Changes with every record, and now and then while something is unfinished."""
    seen = sorted((str(path), recorded) for path, recorded in _histories(stages))
    unfinished = any(PARTIAL in path for path, _ in seen)
    return tuple(seen), int(time.time() / CLOCK) if unfinished else 0


def _read(stages: Path, path: Path, recorded: float) -> Training:
    stage, key = path.relative_to(stages).parts[:2]
    about = json.loads((path.parent / "training.json").read_text())
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break  # the line that is being written
    history = pd.DataFrame(records).select_dtypes("number")
    finished = not key.endswith(PARTIAL)
    started = (0, recorded) if finished else _started(stages / stage / key, path.parent)
    return Training(stage, about["task"], about["steps"], history, finished, recorded, started)


def _started(stage: Path, folder: Path) -> tuple[int, float]:
    """(step, time) at which the present attempt began, or of its first checkpoint that is still there."""
    began = max(file.stat().st_mtime for file in (stage / ATTEMPTS, folder / "training.json") if file.exists())
    saved = sorted(
        (int(path.name.rpartition("-")[2]), path.stat().st_mtime) for path in (folder / "checkpoints").glob("step-*")
    )
    before, after = ([pair for pair in saved if (pair[1] > began) == later] for later in (False, True))
    if before:
        return before[-1][0], began
    resumed = json.loads((stage / ATTEMPTS).read_text())["attempts"] > 1 if (stage / ATTEMPTS).exists() else False
    return after[0] if resumed and after else (0, began)
