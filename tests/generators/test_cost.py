"""The plan before the work: its numbers, its measured speed, and that measuring moves nothing."""

import pytest
import torch

from vireid_lib.generators.dive import cost, prompts
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.model import DiveModel


@pytest.mark.parametrize("settings", [{}, {"start": "image"}])
def test_measuring_moves_no_weight(tiny_config, tiny_table, settings):
    config = tiny_config.model_copy(update=settings)
    model = DiveModel(load_base(config.base_model), prompts.build(tiny_table, config), config, seed=0)
    before, state = model.digest(), torch.random.get_rng_state()
    speed = cost.measure(model, tiny_table, "cpu")
    assert model.digest() == before and torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for group in model.trained() for parameter in group)
    assert min(speed.encode, speed.step, speed.image) > 0 and "CPU" in speed.where


def test_numbers_of_the_plan(tiny_config, tiny_table, tmp_path):
    found = cost.estimate(tiny_table, tiny_config, 12, device="cpu")
    assert (found.images, found.identities, found.views, found.synthetic) == (24, 4, 5, 12)
    assert found.disk["decoded images"] == 24 * 32 * 16 * 3
    assert found.disk["latents"] == 24 * 2 * 2 * 4 * 8 * 4 * 2
    assert found.disk["fitted"] == found.trained * 4
    assert found.hours()["fine-tuning"] == pytest.approx(found.speed.step * 6 / 3600)
    assert found.hours()["sampling"] == pytest.approx(found.speed.image * 12 / 3600)
    text = found.to_text(tmp_path / "not" / "yet")
    assert "6 steps of 4 at 32 x 16" in text and "12 images of 4 steps" in text and "measured on" in text


def test_too_little_disk_is_said(tiny_config, tiny_table, tmp_path, monkeypatch):
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 1000}))
    assert "NOT ENOUGH" in cost.estimate(tiny_table, tiny_config, device="cpu").to_text(tmp_path)


def test_nothing_is_said_about_an_unknown_model(tiny_table):
    with pytest.raises(FileNotFoundError, match="no/such-model"):
        cost.estimate(tiny_table, DiveConfig(base_model="no/such-model"))


def test_the_plan_is_printed_before_long_work(tiny_config, tiny_table, tmp_path, capsys, monkeypatch):
    from vireid_lib.generators.dive import dive as module

    dive = Dive(tiny_config, device="cpu", cache=tmp_path / "cache")
    dive.fit(tiny_table, tmp_path / "short")
    assert "fine-tuning" not in capsys.readouterr().out
    monkeypatch.setattr(module, "WORTH_AN_ESTIMATE", 2)
    dive.fit(tiny_table, tmp_path / "long")
    dive.expand(["mini_market/0001"], ["mini_vi/3"], 2, 0, tmp_path / "gallery")
    printed = capsys.readouterr().out
    expected = ("fine-tuning  24 images", "DiVE: 6", "sampling     2 images", "synthetic images: 2")
    places = [printed.index(words) for words in expected]
    assert places == sorted(places)
    dive.fit(tiny_table, tmp_path / "long")
    assert "fine-tuning  24" not in capsys.readouterr().out
