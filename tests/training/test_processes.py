"""Two processes train one network: other batches in each, the same weights in both. Run as a script, this file is
one of the processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from vireid_lib.training.loop import Task, train


class Line(Task):
    """Fits a line to points that differ between the processes."""

    name = "line"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.modules["network"] = nn.Linear(2, 1)
        self.optimizers["network"] = torch.optim.SGD(self.modules["network"].parameters(), lr=0.1, momentum=0.9)

    def losses(self, step: int) -> dict[str, torch.Tensor]:
        points = torch.rand(4, 2, generator=self.generator(step))
        return {"total": (self.modules["network"](points) - points.sum()).square().mean()}


def main(folder: Path, steps: int) -> None:
    """Train, and write this process's weights and losses."""
    task = Line()
    history = train(task, steps=steps, folder=folder / "run", seed=0, checkpoint_every=3, progress=False, device="cpu")
    weights = task.modules["network"].weight.flatten().tolist()
    record = {"weights": weights, "losses": history.column("total")[1], "processes": task.processes}
    (folder / f"{task.process}.json").write_text(json.dumps(record))


@pytest.mark.slow
def test_two_processes_share_their_gradients(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    for steps in (10, 10):  # the second run loads what the first one left
        subprocess.run([*command, str(tmp_path), str(steps)], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        first, second = (json.loads((tmp_path / f"{process}.json").read_text()) for process in (0, 1))
        assert first["processes"] == second["processes"] == 2
        assert first["weights"] == second["weights"]
    assert len((tmp_path / "run/history.jsonl").read_text().splitlines()) == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
