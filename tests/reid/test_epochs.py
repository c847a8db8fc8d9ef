"""How long a training is: epochs of a given length, whatever the table has; a whole schedule made longer."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from vireid_lib.data import tables
from vireid_lib.experiment import method_registry
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import ReidTask, steps_per_epoch

BY_EPOCHS = {"steps": None, "epochs": 5, "identities": 4, "images": 2, "schedule": "drops", "drops": (2, 4)}


@pytest.fixture
def real_and_more(coloured: Callable) -> tuple[pd.DataFrame, pd.DataFrame]:
    real, external = coloured(6, 4), coloured(14, 6, "market", "external")
    return real, tables.concat(real, external)


def small(method: str, **changes) -> ReidConfig:
    kind = method_registry.method_class(method).config_class
    return kind.small(**(BY_EPOCHS | ({"warm_up": 1} if "warm_up" in kind.model_fields else {}) | changes))


@pytest.mark.parametrize(("method", "mix"), [("agw", None), ("caj", 0.5), ("dart", 0.5), ("mpanet", None)])
def test_epochs_of_a_given_length_place_length_and_schedule(real_and_more, method, mix):
    real, more = real_and_more
    config = small(method, mix=mix)
    given = steps_per_epoch(method_registry.method_class(method), real, config, seed=3)
    equal = config.model_copy(update={"epoch_steps": given})
    tasks = [ReidTask(*of, seed=3, cache=None) for of in ((real, config), (more, equal), (more, config))]
    alone, with_more, published = tasks
    assert alone.steps == with_more.steps == 5 * given < published.steps
    rates = [
        [task.method.learning_rate(task.position(step)[0], step, task.steps) for step in range(task.steps)]
        for task in (alone, with_more)
    ]
    assert rates[0] == rates[1] and rates[0][2 * given - 1] == pytest.approx(10 * rates[0][2 * given])
    assert [task.batch(step).epoch for task in (alone, with_more) for step in (given - 1, given)] == [0, 1] * 2


@pytest.mark.parametrize("processes", [1, 3])
def test_images_are_drawn_by_the_samplers_own_epochs(real_and_more, processes):
    """A large table under short epochs: the sampler goes on where it was, and does not begin anew with each epoch."""
    _, more = real_and_more
    config = small("mpanet", mix=None, epoch_steps=2)
    seen = {}
    for process in range(processes):
        task = ReidTask(more, config, seed=0, cache=None)
        task.process, task.processes = process, processes
        for step in range(task.sampler.steps_per_epoch // processes):
            assert task.position(step) == divmod(step * processes + process, 2)
            seen[step * processes + process] = task._batch_rows(step)
    whole = ReidTask(more, config, seed=0, cache=None)
    assert whole.sampler.steps_per_epoch > 2 * whole.epoch_steps
    for place, (visible, infrared) in seen.items():
        expected = whole.sampler.batch(0, place)
        assert np.array_equal(visible, whole.rows["visible"][expected[0]])
        assert np.array_equal(infrared, whole.rows["infrared"][expected[1]])
    shown = np.concatenate([visible for visible, _ in seen.values()])
    assert len(shown) == len(set(shown)), "MPANet's sampler repeats no image within its epoch"


def test_darts_warm_up_ends_with_its_epoch(real_and_more):
    """Batches without pairs belong to the warm-up's loss, and only to it."""
    _, more = real_and_more
    task = ReidTask(more, small("dart", mix=None, noise_warm_up=2, epoch_steps=3), seed=0, cache=None)
    assert task.sampler.steps_per_epoch > 3
    for step in range(12):
        batch = task.batch(step)
        halves = batch.visible_rows.chunk(2)
        assert (halves[0].tolist() == halves[1].tolist()) == (batch.epoch < 2) == (step < 6)


@pytest.mark.parametrize("method", method_registry.names())
def test_a_longer_training_is_longer_in_all_of_its_schedule(method):
    kind = method_registry.config_class(method)
    published, small = kind.published("sysu_mm01"), kind.small()
    longer = kind(**published.stretched(2))
    assert longer.epochs == 2 * published.epochs
    drops = [getattr(config, "drops", ()) for config in (published, longer)]  # AlignGAN's rate never drops
    assert drops[1] == tuple(2 * drop for drop in drops[0])
    for name in ("warm_up", "noise_warm_up"):
        assert getattr(longer, name, 0) == 2 * getattr(published, name, 0)
    changed = small.stretched(2)
    assert changed.pop("steps") == 2 * small.steps and set(changed) <= {"noise_warm_up"}
    if method == "agw":
        assert AgwConfig(steps=1000).stretched(0.5) == {"steps": 500, "warm_up": 5, "drops": (10, 25)}
