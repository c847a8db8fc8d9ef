"""The plan before the work: its numbers, its measured speed, and that measuring moves nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from vireid_lib import generators
from vireid_lib.generators import cost, translator_cost
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.dive import cost as dive_cost
from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.translator import Translator

TRANSLATORS = [name for name in generators.names() if issubclass(generators.generator_class(name), Translator)]


def sysu(visible=22258, infrared=11909, people=395):
    """A table of SYSU-MM01's training part; none of its images exists."""
    rows = {"visible": (visible, (1, 2, 4, 5)), "infrared": (infrared, (3, 6))}
    parts = [
        pd.DataFrame(
            {
                "path": [f"no/{name}{place}.jpg" for place in range(count)],
                "identity": [f"sysu_mm01/{place % people:04d}" for place in range(count)],
                "camera": [f"sysu_mm01/{cameras[place % len(cameras)]}" for place in range(count)],
                "modality": name,
                "split": "train",
            }
        )
        for name, (count, cameras) in rows.items()
    ]
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
    task = generator.make_task(_batches(generator, toy_people))
    assert (found.steps, found.images) == (task.steps, len(rows))
    text = found.to_text(tmp_path / "not" / "yet")
    assert f"{found.steps} steps (" in text and "7 images" in text and "measured on" in text


def test_a_large_batch_is_scaled_from_a_small_one_on_a_cpu(tiny, toy_people, monkeypatch):
    monkeypatch.setattr(translator_cost, "PATIENCE", 0.0)
    seen = []

    def step_cost(step, modules, device):
        seen.append(step())
        return 2.0, 100

    monkeypatch.setattr(translator_cost, "step_cost", step_cost)
    generator = generators.build("vae", tiny("vae", batch=8), device="cpu", progress=False)
    found = generator.estimate(generator.config.fitted_rows(toy_people))
    assert "batches of 4 images were measured and scaled" in found.where and len(seen) == 1
    assert found.seconds["training"] == found.steps * 2.0 * 16 / 4
    networks = generator.make_task(_batches(generator, toy_people)).modules.values()
    assert found.memory == cost.weights_bytes(networks) + 100 * 16 / 4


def _batches(generator, table):
    size = (generator.config.height, generator.config.width)
    return Batches(generator.config.fitted_rows(table), size, None, blank=True)


def test_steps_that_take_longer_are_counted():
    """StarGAN's generator has a turn in each fifth step; AlignGAN's three phases differ; others have one kind."""
    table = sysu()
    kinds = {}
    for name in ("stargan", "aligngan", "cyclegan", "vae"):
        kind = generators.generator_class(name)
        config = kind.config_class()
        batches = Batches(table, (2, 2), None, blank=True)
        outline = kind.task_class.outline(config, batches)
        kinds[name] = outline.typical_steps()
        assert sum(kinds[name].values()) == outline.steps
        assert outline.images_in(0) == {"stargan": 16, "aligngan": 72, "cyclegan": 2, "vae": 64}[name]
    steps = 200 * -(-22258 // 8)
    assert kinds["stargan"] == {4: steps // 5, 0: steps - steps // 5}
    assert kinds["aligngan"] == {0: 5000, 5000: 10000, 15000: 10100}
    assert kinds["cyclegan"] == {0: 200 * 22258} and kinds["vae"] == {0: 100 * -(-22258 // 32)}


def test_the_published_length_stands_beside_another(monkeypatch):
    monkeypatch.setattr(translator_cost, "_measure", lambda *a: None)
    config = generators.configure("cyclegan", {"steps": 235_400})
    for own, words in ((config, "235,400 steps (4,451,600 as published) of 2"), (None, "; 4,451,600 steps of 2")):
        assert words in generators.build("cyclegan", own, device="cpu").estimate(sysu()).to_text(Path())
    config = generators.configure("jsia", {"form": "release"})
    assert "; 120,000 steps of" in generators.build("jsia", config, device="cpu").estimate(sysu()).to_text(Path())


def test_a_few_rows_have_all_cameras():
    some = translator_cost._some(sysu())
    assert set(some["camera"]) == {f"sysu_mm01/{number}" for number in range(1, 7)} and len(some) < 500
    assert (some.groupby("identity")["modality"].nunique() == 2).sum() >= 18


def test_a_base_model_that_is_not_here_is_named_and_not_fetched():
    config = generators.configure("cyclegan_turbo", {"lpips": "none"})
    generator = generators.build("cyclegan_turbo", config, device="cpu", progress=False)
    found = generator.estimate(sysu(), 100)
    assert found.steps == 25_000 and not found.seconds and "sd-turbo is not on this machine yet" in found.where


def test_what_learns_nothing_has_a_plan(toy_people, tmp_path):
    found = generators.build("grayscale", device="cpu").estimate(toy_people, 12)
    text = found.to_text(tmp_path)
    assert found.steps == 0 and "nothing is trained" in text and "sampling     12 images" in text


@pytest.mark.parametrize("settings", [{}, {"start": "image"}])
def test_measuring_moves_no_weight(tiny_config, tiny_table, settings):
    config = tiny_config.model_copy(update=settings)
    model = DiveModel(load_base(config.base_model), prompts.build(tiny_table, config), config, seed=0)
    before, state = model.digest(), torch.random.get_rng_state()
    speed = dive_cost.measure(model, tiny_table, "cpu")
    assert model.digest() == before and torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for group in model.trained().values() for parameter in group)
    assert min(speed.encode, speed.step, speed.image) > 0 and "CPU" in speed.where
    base = (model.base.unet, model.base.text, model.base.vae)
    assert speed.memory > sum(value.nbytes for module in base for value in module.parameters())


def test_numbers_of_dives_plan(tiny_config, tiny_table, tmp_path):
    found = dive_cost.estimate(tiny_table, tiny_config, 12, device="cpu")
    assert (found.images, found.steps, found.synthetic) == (24, 6, 12)
    assert found.disk["decoded images"] == 24 * 32 * 16 * 3
    assert found.disk["latents"] == 24 * 2 * 2 * 4 * 8 * 4 * 2
    assert min(found.seconds.values()) > 0 and set(found.seconds) == {"latents", "training", "sampling"}
    text = found.to_text(tmp_path / "not" / "yet")
    assert (
        "4 people in 5 views; 6 steps (400,000 as published) of 4 images at 32 x 16" in text and "measured on" in text
    )


def test_too_little_disk_is_said(tiny_config, tiny_table, tmp_path, monkeypatch):
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 1000}))
    assert "NOT ENOUGH" in dive_cost.estimate(tiny_table, tiny_config, device="cpu").to_text(tmp_path)


def test_nothing_is_said_about_an_unknown_model(tiny_table):
    with pytest.raises(FileNotFoundError, match="no/such-model"):
        dive_cost.estimate(tiny_table, DiveConfig(base_model="no/such-model"))


def test_the_plan_is_printed_before_long_work(tiny_config, tiny_table, tmp_path, capsys, monkeypatch):
    from vireid_lib.generators.dive import dive as module

    dive = Dive(tiny_config, device="cpu", cache=tmp_path / "cache")
    dive.fit(tiny_table, tmp_path / "short")
    assert "training     " not in capsys.readouterr().out
    monkeypatch.setattr(module, "WORTH_AN_ESTIMATE", 2)
    dive.fit(tiny_table, tmp_path / "long")
    dive.expand(["mini_market/0001"], ["mini_vi/3"], 2, 0, tmp_path / "gallery")
    printed = capsys.readouterr().out
    expected = ("training     24 images", "DiVE: 6", "sampling     2 images", "synthetic images: 2")
    places = [printed.index(words) for words in expected]
    assert places == sorted(places)
    dive.fit(tiny_table, tmp_path / "long")
    assert "training     24" not in capsys.readouterr().out


def test_a_translators_plan_is_printed_once_before_its_training(tiny, toy_people, tmp_path, capsys, monkeypatch):
    from vireid_lib.generators import translator as module

    monkeypatch.setattr(module, "WORTH_AN_ESTIMATE", 2)
    fitted = []
    for progress, folder in ((True, "a"), (True, "a"), (False, "b")):
        generator = generators.build("vae", tiny("vae"), device="cpu", progress=progress)
        generator.fit(toy_people, tmp_path / folder)
        fitted.append(generator.summary()["weights"])
    assert capsys.readouterr().out.count("training     72 images") == 1
    assert len(set(fitted)) == 1 and np.isfinite(generator.history[-1]["total"])
