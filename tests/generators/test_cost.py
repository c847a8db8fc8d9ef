"""The plan before the work: its numbers, its measured speed, and that measuring moves nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from vireid_lib import generators
from vireid_lib.generators.base import cost
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.translator import Translator
from vireid_lib.generators.dive import cost as dive_cost
from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.model import DiveModel

TRANSLATORS = [name for name in generators.names() if issubclass(generators.generator_class(name), Translator)]


def sysu():
    """A table of SYSU-MM01's training part; none of its images exists."""
    parts = []
    for name, count, cameras in (("visible", 22258, (1, 2, 4, 5)), ("infrared", 11909, (3, 6))):
        place = np.arange(count)
        rows = {"path": [f"no/{name}{each}.jpg" for each in place], "modality": name, "split": "train"}
        rows |= {"identity": [f"sysu_mm01/{each % 395:04d}" for each in place]}
        parts.append(pd.DataFrame(rows | {"camera": [f"sysu_mm01/{cameras[each % len(cameras)]}" for each in place]}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_peak_by_hand(device):
    """Two maps of 40 numbers exist at once, and 10 more when the third is summed; what lasts does not count, nor does
    a view."""
    images = torch.ones(4, 10, device=device)
    with cost.Peak() as peak:
        lasts = images + 1
        first = images * 2
        second = first.view(40) * 3
        del first
        third = second + 4
        del second
        columns = third.view(4, 10).sum(0)
        del third, columns
    assert peak.bytes == 2 * 4 * 10 * 4 and lasts.shape == (4, 10)


def test_the_peak_of_a_step_has_neither_gradients_nor_weights():
    layer, images = nn.Linear(100, 100), torch.randn(1, 100)
    with cost.Peak() as peak:
        layer(images).square().sum().backward()
    assert 100 * 4 < peak.bytes < 10 * 100 * 4 < layer.weight.grad.nbytes


def test_bytes_of_weights_by_hand():
    layer = nn.Linear(10, 10)
    assert cost.weights_bytes([layer]) == 110 * 16
    assert cost.weights_bytes([layer.requires_grad_(False)]) == 110 * 4


@pytest.mark.parametrize("name", TRANSLATORS)
def test_the_plan_of_a_translator_is_of_its_own_training(name, tiny, toy_people, tmp_path):
    config = tiny(name, checkpoint_every=0)
    rows = config.fitted_rows(toy_people)
    generator = generators.build(name, config, device="cpu", progress=False)
    state = torch.random.get_rng_state()
    found = generator.estimate(rows, 7)
    assert torch.equal(torch.random.get_rng_state(), state) and generator.networks is None
    assert min(found.seconds.values()) > 0 and found.memory > 0 and "CPU" in found.where
    assert found.disk["synthetic images"] == 7 * config.height * config.width * 3
    task = generator.make_task(Batches(rows, (config.height, config.width), None, blank=True))
    assert (found.steps, found.images) == (task.steps, len(rows))
    text = found.to_text(tmp_path / "not" / "yet")
    assert f"{found.steps} steps (" in text and "7 images" in text and "measured on" in text


def test_steps_that_take_longer_are_counted():
    """StarGAN's generator has a turn in each fifth step; AlignGAN's three phases differ; others have one kind."""
    table = sysu()
    kinds = {}
    for name in ("stargan", "aligngan", "cyclegan", "vae"):
        kind = generators.generator_class(name)
        outline = kind.task_class.outline(kind.config_class(), Batches(table, (2, 2), None, blank=True))
        kinds[name] = outline.typical_steps()
        assert sum(kinds[name].values()) == outline.steps
        assert outline.images_in(0) == {"stargan": 16, "aligngan": 72, "cyclegan": 2, "vae": 64}[name]
    steps = 200 * -(-22258 // 8)
    assert kinds["stargan"] == {4: steps // 5, 0: steps - steps // 5}
    assert kinds["aligngan"] == {0: 5000, 5000: 10000, 15000: 10100}
    assert kinds["cyclegan"] == {0: 200 * 22258} and kinds["vae"] == {0: 100 * -(-22258 // 32)}


def test_a_base_model_that_is_not_here_is_named_and_not_fetched():
    config = generators.configure("cyclegan_turbo", {"lpips": "none"})
    generator = generators.build("cyclegan_turbo", config, device="cpu", progress=False)
    found = generator.estimate(sysu(), 100)
    assert found.steps == 25_000 and not found.seconds and "sd-turbo" in found.where


def test_measuring_moves_no_weight(tiny_config, tiny_table):
    config = tiny_config.model_copy(update={"start": "image"})
    model = DiveModel(load_base(config.base_model), prompts.build(tiny_table, config), config)
    before, state = model.digest(), torch.random.get_rng_state()
    seconds, memory, where = dive_cost.measure(model, tiny_table, "cpu")
    assert model.digest() == before and torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for group in model.trained().values() for parameter in group)
    assert len(seconds) == 3 and min(seconds.values()) > 0 and "CPU" in where
    base = (model.base.unet, model.base.text, model.base.vae)
    assert memory > sum(value.nbytes for module in base for value in module.parameters())
