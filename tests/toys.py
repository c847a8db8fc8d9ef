"""A training that is nothing but a line, for the tests of what surrounds a training; and trainings that are stopped."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from vireid_lib.training.task import Task


class Line(Task):
    """Fits a line."""

    name = "line"
    config = {"rate": 0.1, "inner": {"sizes": [1, 2]}, "long": list(range(100))}

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.modules["network"] = nn.Linear(2, 1)
        self.optimizers["network"] = torch.optim.SGD(self.modules["network"].parameters(), lr=0.1)

    def losses(self, step: int) -> dict[str, torch.Tensor]:
        points = torch.rand(4, 2, generator=self.generator(step))
        return {"total": (self.modules["network"](points) - points.sum()).square().mean()}


@contextmanager
def stopped(kind: type[Task], at: int) -> Iterator[None]:
    """Whoever trains a task of this kind stops it in its step `at`."""
    step = kind.step

    def stops(task, accelerator, number):
        if number == at:
            raise KeyboardInterrupt
        return step(task, accelerator, number)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(kind, "step", stops)
        yield
