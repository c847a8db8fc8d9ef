"""The loop: bitwise resume however a run was stopped, guards, bound folders, records. Run as a script, this
file is the process that gets killed."""

import functools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from vireid_lib.training import checkpoint
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.loop import History, NonFiniteLoss, Task, train


class Toy(Task):
    """Regress random targets; everything random comes from (seed, step) or from dropout. The kind "head" trains the
    last layer alone and checkpoints what is trained, "averaged" has a weight average."""

    name = "toy"

    def __init__(self, kind: str = "adamw", poison: int | None = None, crash_at: int | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3)]
            network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
        self.modules["network"] = network.to(memory_format=torch.channels_last)
        self.config, self.poison, self.crash_at, trained = {"kind": kind}, poison, crash_at, network
        if kind == "head":
            self.trainable_only, trained = True, network[1:]
            network[0].requires_grad_(False)
            network[1].eval()
        if kind == "averaged":
            self.extras["average"] = WeightAverage(network, 0.9)
        sgd = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
        self.optimizers["main"] = sgd if kind == "sgd" else torch.optim.AdamW(trained.parameters(), lr=0.01)

    def losses(self, step: int) -> dict[str, torch.Tensor]:
        if step == self.crash_at:
            raise KeyboardInterrupt
        source = self.generator(step, "batch")
        images = torch.rand(4, 3, 8, 8, generator=source).to(memory_format=torch.channels_last)
        target = torch.rand(4, 2, generator=source)
        fit = (self.modules["network"](images) - target).square().mean()
        if step == self.poison:
            fit = fit * float("nan")
        return {"total": fit + 0.0, "fit": fit}

    def after_step(self, step: int) -> None:
        for average in self.extras.values():
            average.update(self.modules["network"])

    def describe(self, step: int) -> str:
        return f"identities toy/{step}"

    def weights(self) -> dict[str, torch.Tensor]:
        holders = (self.modules["network"], *self.extras.values())
        return {f"{place} {k}": v.clone() for place, each in enumerate(holders) for k, v in each.state_dict().items()}


def run(task: Task, folder: Path, steps: int = 20, **options) -> History:
    settings = {"seed": 3, "checkpoint_every": 4, "progress": False, "device": "cpu", "log_every": 3} | options
    return train(task, steps=steps, folder=folder, **settings)


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Toy, History, Path]]:
    """An unbroken run of a kind of toy, with its history and folder."""

    @functools.cache
    def made(kind: str) -> tuple[Toy, History, Path]:
        task, folder = Toy(kind), tmp_path_factory.mktemp("whole")
        return task, run(task, folder), folder

    return made


@pytest.mark.parametrize("kind", ["adamw", "sgd", "head", "averaged"])
@pytest.mark.parametrize("crash_at", [4, 7, 19])
def test_interrupted_and_continued_equals_unbroken(tmp_path, whole, kind, crash_at):
    (unbroken, expected, folder), continued = whole(kind), Toy(kind)
    with pytest.raises(KeyboardInterrupt):
        run(Toy(kind, crash_at=crash_at), tmp_path)
    history = run(continued, tmp_path)
    assert history.started_at == crash_at // 4 * 4
    assert list(history) == list(expected)
    assert (tmp_path / "history.jsonl").read_text() == (folder / "history.jsonl").read_text()
    assert_same(continued.weights(), unbroken.weights())


@pytest.mark.parametrize("kill", ["step", "write", "rename"])
def test_killed_process_continues_bitwise(tmp_path, whole, kill):
    continued, checkpoints = Toy(), tmp_path / "checkpoints"
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    run_script = subprocess.run([sys.executable, __file__, str(tmp_path), kill], env=environment)
    assert run_script.returncode == -signal.SIGKILL
    assert any(checkpoints.glob(".*")) == (kill != "step")
    assert run(continued, tmp_path).started_at == (12 if kill == "step" else 8)
    assert_same(continued.weights(), whole("adamw")[0].weights())
    assert not any(checkpoints.glob(".*"))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, whole, monkeypatch):
    continued, save, saves = Toy(), checkpoint.save_file, []

    def third_finds_it_full(tensors: dict, file: Path) -> None:
        saves.append(file)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000 if len(saves) == 3 else soft, hard))
        try:
            save(tensors, file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(checkpoint, "save_file", third_finds_it_full)
    with pytest.raises(checkpoint.NotWritten, match=r"step 12 could not.*step-00000008 before it is intact. Make room"):
        run(Toy(), tmp_path)
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["step-00000004", "step-00000008"]
    assert run(continued, tmp_path).started_at == 8
    assert_same(continued.weights(), whole("adamw")[0].weights())


def test_finished_run_is_loaded_not_repeated(tmp_path):
    first, second = Toy(), Toy()
    before = run(first, tmp_path)
    second.losses = None  # would raise if called
    after = run(second, tmp_path)
    assert after.started_at == 20 and list(after) == list(before) and after.seconds == before.seconds
    assert_same(first.weights(), second.weights())


def test_history_holds_window_means(tmp_path):
    every, thirds = run(Toy(), tmp_path / "a", log_every=1), run(Toy(), tmp_path / "b", log_every=3)
    assert [record["step"] for record in thirds] == [3, 6, 9, 12, 15, 18, 20]
    steps, fit = every.column("fit")
    assert steps == list(range(1, 21))
    assert thirds.column("fit")[1][0] == pytest.approx(sum(fit[:3]) / 3)
    assert thirds.column("fit")[1][-1] == pytest.approx(sum(fit[18:]) / 2)


def test_global_random_state_is_left_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(Toy(), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_not_a_number_names_step_term_and_identities(tmp_path):
    with pytest.raises(NonFiniteLoss, match=r"toy: 'total' is nan at step 6.*identities toy/6"):
        run(Toy(poison=6), tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_trainable_only_checkpoints_the_trained_tensors_alone(whole):
    _, tensors, _ = checkpoint.load(whole("head")[2] / "checkpoints")
    assert sorted(name for name in tensors if ".modules." in name) == [
        f"state.modules.network.{name}" for name in ("1.bias", "1.weight", "6.bias", "6.weight")
    ]


def test_checkpoint_of_another_network_is_refused(tmp_path):
    run(Toy(), tmp_path)
    other = Toy()
    other.modules["network"].append(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"does not fit its module 'network'.*7.bias"):
        run(other, tmp_path)
    other = Toy()
    other.modules["network"][6] = nn.Linear(other.modules["network"][6].in_features, 1)
    with pytest.raises(ValueError, match=r"6\.weight is \(2, \d+\) there and \(1, \d+\) now"):
        run(other, tmp_path)


def test_weight_average_follows(whole):
    task = whole("averaged")[0]
    average = task.extras["average"]
    assert int(average.updates) == 20
    assert not torch.equal(average.module[0].weight, task.modules["network"][0].weight)


def test_gradient_clip_is_recorded_and_bounds_the_step(tmp_path):
    task = Toy("sgd")
    task.optimizers["main"] = torch.optim.SGD(task.modules["network"].parameters(), lr=1.0)
    task.gradient_clip = 1e-3
    before = task.weights()
    history = run(task, tmp_path, steps=1)
    moved = sum((task.weights()[k] - before[k]).square().sum() for k in before if k.endswith(("weight", "bias")))
    assert moved.sqrt() == pytest.approx(1e-3, rel=1e-3)
    assert history[0]["gradient_norm"] > 1e-3


def test_bfloat16_runs_forwards_only_and_is_undone(tmp_path):
    task, seen = Toy(), []
    task.modules["network"][0].register_forward_hook(lambda *call: seen.append(call[2].dtype))
    history = run(task, tmp_path, steps=2, precision="bf16")
    assert seen == [torch.bfloat16] * 2
    assert {value.dtype for value in task.weights().values()} == {torch.float32, torch.int64}
    assert task.modules["network"](torch.rand(1, 3, 8, 8)).dtype == torch.float32
    assert seen[-1] == torch.float32  # the plain network is back
    assert json.loads((tmp_path / "training.json").read_text())["precision"] == "bf16"
    assert run(Toy(), tmp_path / "float32", steps=1)[0]["total"] != history[0]["total"]


def main(folder: str, kill: str) -> None:
    """Train 20 steps in a process of its own; `kill` says where to die of SIGKILL: "step", "rename"
    (a checkpoint written but not yet renamed) or "write" (half of its tensors written)."""
    task, saves, save, replace = Toy(), [], checkpoint.save_file, os.replace
    losses = task.losses

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def half(tensors: dict, file: Path) -> None:
        save(tensors, file)
        saves.append(file)
        if len(saves) == 3:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            die()

    def third(source: object, target: object) -> None:
        saves.extend([target] * ("step-" in str(target)))
        die() if len(saves) == 3 else replace(source, target)

    if kill == "step":
        task.losses = lambda step: die() if step == 13 else losses(step)
    elif kill == "write":
        checkpoint.save_file = half
    else:
        os.replace = third
    train(task, steps=20, folder=Path(folder), seed=3, checkpoint_every=4, progress=False, device="cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
