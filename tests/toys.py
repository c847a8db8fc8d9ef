"""A training that is nothing but a line, for the tests of what surrounds a training."""

import torch
from torch import nn

from vireid_lib.training.task import Task


class Line(Task):
    """Fits a line; stopped in the step `crash_at`."""

    name = "line"
    config = {"rate": 0.1, "inner": {"sizes": [1, 2]}, "long": list(range(100))}

    def __init__(self, crash_at: int | None = None) -> None:
        super().__init__()
        self.crash_at = crash_at
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.modules["network"] = nn.Linear(2, 1)
        self.optimizers["network"] = torch.optim.SGD(self.modules["network"].parameters(), lr=0.1)

    def losses(self, step: int) -> dict[str, torch.Tensor]:
        if step == self.crash_at:
            raise KeyboardInterrupt
        points = torch.rand(4, 2, generator=self.generator(step))
        return {"total": (self.modules["network"](points) - points.sum()).square().mean()}
