"""JSIA-ReID as a generator: a person's own styles, mixtures, the released form, epochs."""

import numpy as np
import pytest
import torch
from PIL import Image

from vireid_lib.generators import load
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.task import JsiaTask


def test_styles_are_the_persons_own_where_there_are_such(learnt):
    bank = learnt("jsia")[0].networks["styles"]
    own = {tuple(bank.draw("toy/0002", "toy/3", seed).tolist()) for seed in range(60)}
    anybodys = {tuple(bank.draw("market/0006", "toy/3", seed).tolist()) for seed in range(60)}
    assert 3 <= len(own) <= 6 < len(anybodys)
    assert torch.equal(bank.draw("toy/0002", "toy/3", 7), bank.draw("toy/0002", "toy/3", 7))


def test_a_gallery_by_mixing(learnt, toy_people, tmp_path):
    source = toy_people[toy_people["split"] == "external"]
    generator, folder = learnt("jsia")
    config = generator.config.model_copy(update={"expansion": "mix"})
    mixing = load("jsia", folder, config, device="cpu", progress=False)
    for camera, modality in (("toy/3", "infrared"), ("market/1", "visible")):
        rows = mixing.expand(["market/0006", "market/0007"], [camera], 2, 1, tmp_path / camera, source=source)
        assert (rows["modality"] == modality).all() and rows["seed"].is_unique
        assert np.array(Image.open(rows["path"].iloc[0])).std() > 2


def test_the_released_form_is_another_recipe():
    paper, release = JsiaConfig(), JsiaConfig(form="release")
    assert (paper.height, paper.upsamplings, paper.decoder_blocks, paper.enlargement) == (256, 2, 4, 1)
    assert (release.height, release.upsamplings, release.decoder_blocks, release.enlargement) == (128, 1, 2, 2)
    assert release.feature_weight == 1 and not release.variation and not release.encoder_trains
    assert JsiaConfig(form="release", decoder_blocks=3).decoder_blocks == 3
    with pytest.raises(ValueError, match="multiples of 32"):
        JsiaConfig(height=200)
    with pytest.raises(ValueError, match="no ImageNet weights for the small"):
        JsiaConfig(backbone="small")
    with pytest.raises(ValueError, match="needs the variation module"):
        JsiaConfig(form="release", expansion="mix")


def test_an_epoch_and_too_few_people(toy_people, tiny):
    batches = Batches(toy_people, (32, 32), None)
    config = tiny("jsia", identities=3, steps=None, epochs=3)
    assert JsiaTask(config, batches).steps == 3 * (36 // 6 + 1)
    with pytest.raises(ValueError, match="needs 9 identities"):
        JsiaTask(tiny("jsia", identities=9), batches)
