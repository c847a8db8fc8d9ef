"""The training monitor follows another process that really trains, and tells finished, running and silent apart."""

import json
import os
import subprocess
import sys
import time

import pytest

from vireid_lib.experiment.cache import Cache
from vireid_lib.viz.explorers import training_monitor

# A stage that trains, in a process of its own, slowly enough to be watched.
WRITER = """
import sys, time, torch
from pathlib import Path
from vireid_lib.experiment.cache import Cache
from vireid_lib.training.loop import Task, train

class Slow(Task):
    name, config = "toy, seed 0", {}
    def __init__(self):
        super().__init__()
        self.modules = {"line": torch.nn.Linear(1, 1)}
        self.optimizers = {"line": torch.optim.SGD(self.modules["line"].parameters(), lr=0.1)}
    def losses(self, step):
        time.sleep(0.05)
        value = self.modules["line"](torch.ones(1, 1)).square().mean()
        return {"total": value, "fit": value.detach()}

def make(folder):
    history = train(Slow(), steps=60, folder=folder, seed=0, log_every=2, checkpoint_every=20,
                    device="cpu", progress=False)
    return {"records": len(history)}

Cache(Path(sys.argv[1])).stage("train_real", {}, {}, make)
"""
PATIENCE_S = 120


@pytest.fixture
def written(tmp_path):
    """A finished training and one that stopped, as they lie on the disk."""

    def write(folder, steps, upto):
        folder.mkdir(parents=True)
        (folder / "training.json").write_text(json.dumps({"task": "agw, seed 1", "steps": steps}))
        records = [{"step": step, "total": 5 - step / 100, "triplet": 1.0} for step in range(10, upto + 1, 10)]
        lines = [json.dumps(record) for record in records]
        (folder / "history.jsonl").write_text("\n".join(lines) + '\n{"step": 9')  # killed while it wrote
        os.utime(folder / "training.json", (1000, 1000))

    write(tmp_path / "train_grayscale" / "abc", 100, 100)
    write(tmp_path / "train_oracle_ir" / "def.partial", 100, 40)
    os.utime(tmp_path / "train_grayscale/abc/history.jsonl", (1100, 1100))
    os.utime(tmp_path / "train_oracle_ir/def.partial/history.jsonl", (1200, 1200))
    return tmp_path


def test_finished_and_running_are_told_apart(written):
    one, two = training_monitor.trainings(written)
    assert (one.name, one.kind, one.step, one.finished) == ("greyscale copies, seed 1", "agw", 100, True)
    assert one.state(now=5000) == "100 steps, finished" and one.seconds_left() == 0
    # 40 steps in 200 s: the 60 that are left take 300 s.
    assert (two.name, two.step, two.seconds_left()) == ("true infrared, seed 1", 40, pytest.approx(300))
    assert two.state(now=1210) == "40/100, 4:50 left" and two.state(now=9200) == "40/100, no news for 2:13:20"


def test_a_resumed_training_is_timed_from_where_it_resumed(written):
    folder = written / "train_oracle_ir" / "def.partial"
    (folder / "attempts.json").write_text('{"attempts": 2}')
    saved = folder / "checkpoints" / "step-00000020"
    saved.mkdir(parents=True)
    os.utime(saved, (1050, 1050))
    os.utime(folder / "attempts.json", (1100, 1100))
    (_, two) = training_monitor.trainings(written)
    assert two.seconds_left() == pytest.approx(60 * 100 / 20)


def test_the_board_names_what_is_unfinished_and_its_loss(written):
    picture = training_monitor.board(training_monitor.trainings(written), now=1210)
    assert picture.alt == "Losses of trainings: true infrared, seed 1: 40/100, 4:50 left, loss 4.6"
    (axes,) = picture.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["greyscale copies: 1 finished", "true infrared, seed 1: 40/100, 4:50 left, loss 4.6"]
    assert axes.get_xlabel() == "training step" and axes.get_title(loc="left") == "agw"


def test_another_process_is_followed_to_its_end(tmp_path):
    stages = Cache(tmp_path).stages
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    steps, left, finished, stamps = set(), [], set(), set()
    until = time.monotonic() + PATIENCE_S
    try:
        while True:
            over = writer.poll() is not None
            for each in training_monitor.trainings(stages):
                steps.add(each.step)
                finished.add(each.finished)
                left.append(each.seconds_left())
            stamps.add(training_monitor._stamp(stages))
            if over:
                break
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        writer.kill()
        writer.wait()
    (last,) = training_monitor.trainings(stages)
    assert last.finished and last.step == 60 and len(last.history) == 30 and last.name == "real images only, seed 0"
    assert len(steps) >= 10 and finished == {False, True} and len(stamps) >= 10
    estimates = [seconds for seconds in left if seconds]
    assert estimates and all(0 < seconds < 30 for seconds in estimates) and left[-1] == 0
