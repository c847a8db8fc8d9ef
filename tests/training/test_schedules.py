"""Learning-rate shares against torch's own schedulers."""

import pytest
import torch

from vireid_lib.training import schedules


@pytest.mark.parametrize("steps", [10, 37, 900])
def test_one_cycle_equals_torch(steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        share = schedules.one_cycle(step, steps)
        assert share == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        optimizer.step()
        if step + 1 < steps:
            scheduler.step()


def test_scale_starts_from_the_first_rate():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    for share in (0.5, 0.1):
        schedules.scale_learning_rates(optimizer, share)
        assert optimizer.param_groups[0]["lr"] == 0.5 * share


def test_warm_up_and_drops():
    shares = [schedules.warm_up_and_drops(e, warm_up=2, drops=(3, 5)) for e in range(6)]
    assert shares == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01])
