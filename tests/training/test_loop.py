"""The loop: bitwise resume however a run was stopped, guards, bound folders, records. Run as a script, this
file is the process that gets killed."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from vireid_lib.training import checkpoint
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.loop import History, NonFiniteLoss, Task, train


class Toy(Task):
    """Regress random targets; everything random comes from (seed, step) or from dropout."""

    name = "toy"

    def __init__(self, kind: str = "adamw", poison: int | None = None, width: int = 8) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = nn.Sequential(
                nn.Conv2d(3, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Dropout(0.3),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(width, 2),
            )
        self.modules["network"] = network.to(memory_format=torch.channels_last)
        make = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[kind]
        extra = {} if kind == "adamw" else {"momentum": 0.9, "nesterov": True}
        self.optimizers["main"] = make(network.parameters(), lr=0.01, **extra)
        self.config, self.poison = {"kind": kind, "width": width}, poison
        self.crash_at: int | None = None

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

    def describe(self, step: int) -> str:
        return f"identities toy/{step}"

    def weights(self) -> dict[str, torch.Tensor]:
        return {k: v.clone() for k, v in self.modules["network"].state_dict().items()}


def run(task: Task, folder: Path, steps: int = 20, **options) -> History:
    settings = {"seed": 3, "checkpoint_every": 4, "progress": False, "device": "cpu", "log_every": 3} | options
    return train(task, steps=steps, folder=folder, **settings)


def assert_same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
@pytest.mark.parametrize("crash_at", [4, 7, 19])
def test_interrupted_and_continued_equals_unbroken(tmp_path: Path, kind: str, crash_at: int) -> None:
    whole, broken, continued = Toy(kind), Toy(kind), Toy(kind)
    expected = run(whole, tmp_path / "whole")
    broken.crash_at = crash_at
    with pytest.raises(KeyboardInterrupt):
        run(broken, tmp_path / "broken")
    history = run(continued, tmp_path / "broken")
    assert history.started_at == crash_at // 4 * 4
    assert list(history) == list(expected)
    assert (tmp_path / "broken/history.jsonl").read_text() == (tmp_path / "whole/history.jsonl").read_text()
    assert_same(continued.weights(), whole.weights())


@pytest.mark.parametrize("kill", ["step", "write", "rename"])
def test_killed_process_continues_bitwise(tmp_path: Path, kill: str) -> None:
    whole, continued = Toy(), Toy()
    run(whole, tmp_path / "whole")
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, __file__, str(tmp_path / "killed"), kill]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    leftovers = list((tmp_path / "killed/checkpoints").glob(".*"))
    assert bool(leftovers) == (kill != "step")
    history = run(continued, tmp_path / "killed")
    assert history.started_at == (12 if kill == "step" else 8)
    assert_same(continued.weights(), whole.weights())
    assert not list((tmp_path / "killed/checkpoints").glob(".*"))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken, continued = Toy(), Toy(), Toy()
    run(whole, tmp_path / "whole")
    save, saves = checkpoint.save_file, []

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
        run(broken, tmp_path / "broken")
    left = sorted(path.name for path in (tmp_path / "broken/checkpoints").iterdir())
    assert left == ["step-00000004", "step-00000008"]
    history = run(continued, tmp_path / "broken")
    assert history.started_at == 8
    assert_same(continued.weights(), whole.weights())


def test_finished_run_is_loaded_not_repeated(tmp_path: Path) -> None:
    first, second = Toy(), Toy()
    before = run(first, tmp_path)
    second.losses = None  # would raise if called
    after = run(second, tmp_path)
    assert after.started_at == 20 and list(after) == list(before) and after.seconds == before.seconds
    assert_same(first.weights(), second.weights())


def test_history_holds_window_means(tmp_path: Path) -> None:
    every, thirds = run(Toy(), tmp_path / "a", log_every=1), run(Toy(), tmp_path / "b", log_every=3)
    assert [record["step"] for record in thirds] == [3, 6, 9, 12, 15, 18, 20]
    steps, fit = every.column("fit")
    assert steps == list(range(1, 21))
    assert thirds.column("fit")[1][0] == pytest.approx(sum(fit[:3]) / 3)
    assert thirds.column("fit")[1][-1] == pytest.approx(sum(fit[18:]) / 2)


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(Toy(), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_not_a_number_names_step_term_and_identities(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLoss, match=r"toy: 'total' is nan at step 6.*identities toy/6"):
        run(Toy(poison=6), tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_trainable_only_checkpoints_the_trained_tensors_alone(tmp_path: Path) -> None:
    def partial() -> Toy:
        task = Toy()
        task.trainable_only = True
        task.modules["network"][0].requires_grad_(False)
        task.modules["network"][1].eval()
        head = task.modules["network"][1:].parameters()
        task.optimizers["main"] = torch.optim.AdamW(head, lr=0.01)
        return task

    run(partial(), tmp_path, steps=4)
    _, tensors, _ = checkpoint.load(tmp_path / "checkpoints")
    assert sorted(name for name in tensors if ".modules." in name) == [
        f"state.modules.network.{name}" for name in ("1.bias", "1.weight", "6.bias", "6.weight")
    ]
    whole, continued = partial(), partial()
    run(whole, tmp_path / "whole")
    broken = partial()
    broken.crash_at = 9
    with pytest.raises(KeyboardInterrupt):
        run(broken, tmp_path / "broken")
    run(continued, tmp_path / "broken")
    assert_same(continued.weights(), whole.weights())


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run(Toy(), tmp_path)
    other = Toy()
    other.modules["network"].append(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"does not fit its module 'network'.*7.bias"):
        run(other, tmp_path)
    other = Toy()
    other.modules["network"][6] = nn.Linear(other.modules["network"][6].in_features, 1)
    with pytest.raises(ValueError, match=r"6\.weight is \(2, \d+\) there and \(1, \d+\) now"):
        run(other, tmp_path)


def test_weight_average_follows_and_resumes(tmp_path: Path) -> None:
    class Averaged(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.extras["average"] = WeightAverage(self.modules["network"], 0.9)

        def after_step(self, step: int) -> None:
            self.extras["average"].update(self.modules["network"])

    whole, broken, continued = Averaged(), Averaged(), Averaged()
    run(whole, tmp_path / "whole")
    broken.crash_at = 11
    with pytest.raises(KeyboardInterrupt):
        run(broken, tmp_path / "broken")
    run(continued, tmp_path / "broken")
    assert_same(continued.extras["average"].state_dict(), whole.extras["average"].state_dict())
    assert int(whole.extras["average"].updates) == 20
    assert not torch.equal(whole.extras["average"].module[0].weight, whole.modules["network"][0].weight)


def test_gradient_clip_is_recorded_and_bounds_the_step(tmp_path: Path) -> None:
    task = Toy("sgd")
    task.optimizers["main"] = torch.optim.SGD(task.modules["network"].parameters(), lr=1.0)
    task.gradient_clip = 1e-3
    before = task.weights()
    history = run(task, tmp_path, steps=1)
    moved = sum((task.weights()[k] - before[k]).square().sum() for k in before if k.endswith(("weight", "bias")))
    assert moved.sqrt() == pytest.approx(1e-3, rel=1e-3)
    assert history[0]["gradient_norm"] > 1e-3


def test_bfloat16_runs_forwards_only_and_is_undone(tmp_path: Path) -> None:
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

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    task = Toy()
    if kill == "step":
        inner = task.losses
        task.losses = lambda step: die() if step == 13 else inner(step)
    else:
        saves = 0
        save, replace = checkpoint.save_file, os.replace

        def half(tensors: dict, file: Path) -> None:
            nonlocal saves
            save(tensors, file)
            saves += 1
            if saves == 3:
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
                die()

        def third(source: object, target: object) -> None:
            nonlocal saves
            saves += "step-" in str(target)
            die() if saves == 3 else replace(source, target)

        if kill == "write":
            checkpoint.save_file = half
        else:
            os.replace = third
    train(task, steps=20, folder=Path(folder), seed=3, checkpoint_every=4, progress=False, device="cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
