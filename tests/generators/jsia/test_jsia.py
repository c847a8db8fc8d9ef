"""JSIA-ReID as a generator: it learns, resumes, translates with a person's own styles, mixes, and refuses."""

import numpy as np
import pytest
import torch
from PIL import Image

from vireid_lib.data.images import load_images
from vireid_lib.generators import build, load
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.task import JsiaTask

EXTERNAL = ["market/0006", "market/0007"]
TINY = {
    "height": 32,
    "width": 32,
    "style_dim": 4,
    "style_width": 4,
    "decoder_blocks": 1,
    "mlp_width": 16,
    "judge_width": 4,
    "judge_layers": 2,
    "latent_dim": 8,
    "latent_width": 8,
    "identities": 3,
    "images": 2,
    "visible_only": 2,
    "steps": 5,
    "checkpoint_every": 2,
}


@pytest.fixture(scope="module")
def learnt(fit_to_toys):
    config = JsiaConfig.small(**TINY | {"steps": 60, "learning_rate": 5e-3, "checkpoint_every": 0})
    return fit_to_toys("jsia", config)


def _pixels(table, modality, split="train"):
    rows = table[(table["modality"] == modality) & (table["split"] == split)]
    return np.array(load_images(rows["path"].tolist(), (32, 32), cache=None).pixels)


def test_losses_fall(learnt):
    for name in ("reconstruction_visible", "cycle_infrared", "variation_maps"):
        _, values = learnt[0].history.column(name)
        assert values[-1] < 0.7 * values[0], name


def test_translations_are_closer_to_the_target_modality_than_the_input_is(learnt, still_to_go):
    assert still_to_go(learnt[0], pixels=_pixels) < 0.7


def test_styles_are_the_persons_own_where_there_are_such(learnt):
    bank = learnt[0].networks["styles"]
    own = {tuple(bank.draw("toy/0002", "toy/3", seed).tolist()) for seed in range(60)}
    anybodys = {tuple(bank.draw("market/0006", "toy/3", seed).tolist()) for seed in range(60)}
    assert 3 <= len(own) <= 6 < len(anybodys)
    assert torch.equal(bank.draw("toy/0002", "toy/3", 7), bank.draw("toy/0002", "toy/3", 7))


def test_a_gallery_by_translation_and_by_mixing(learnt, toy_people, tmp_path):
    source = toy_people[toy_people["split"] == "external"]
    made = learnt[0].expand(EXTERNAL, ["toy/3"], 2, 1, tmp_path / "one", source=source)
    assert len(made) == 4 and (made["source"] == "jsia").all() and (made["modality"] == "infrared").all()
    again = load("jsia", learnt[1], device="cpu", progress=False)
    images = _pixels(toy_people, "visible")
    assert np.array_equal(again.translate(images, "", "toy/3"), learnt[0].translate(images, "", "toy/3"))
    mixing = load("jsia", learnt[1], again.config.model_copy(update={"expansion": "mix"}), device="cpu", progress=False)
    for camera, modality in (("toy/3", "infrared"), ("market/1", "visible")):
        rows = mixing.expand(EXTERNAL, [camera], 2, 1, tmp_path / camera, source=source)
        assert (rows["modality"] == modality).all() and rows["seed"].is_unique
        assert np.array(Image.open(rows["path"].iloc[0])).std() > 2
    with pytest.raises(ValueError, match="camera 'toy/9'"):
        again.expand(EXTERNAL, ["toy/9"], 2, 1, tmp_path / "nine", source=source)
    with pytest.raises(ValueError, match="resize them first"):
        again.translate(images[:, :16], "", "toy/3")


@pytest.mark.parametrize("form", ["paper", "release"])
def test_resume_is_bitwise(check_resume, form):
    config = JsiaConfig.small(**TINY, form=form, pretrained=None)
    check_resume("jsia", config, JsiaTask, stop=3, started_at=2)


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


def test_an_epoch_and_too_few_people(toy_people):
    batches = Batches(toy_people, (32, 32), None)
    config = JsiaConfig.small(**TINY | {"steps": None, "epochs": 3})
    assert JsiaTask(config, batches).steps == 3 * (36 // 6 + 1)
    with pytest.raises(ValueError, match="needs 9 identities"):
        JsiaTask(JsiaConfig.small(**TINY | {"identities": 9}), batches)


@pytest.mark.slow
def test_one_update_at_the_papers_size(toy_people, tmp_path):
    config = JsiaConfig(pretrained=None, identities=2, images=2, visible_only=0, steps=1)
    generator = build("jsia", config, device="cpu", progress=False)
    generator.fit(toy_people[toy_people["split"] == "train"], tmp_path)
    assert np.isfinite(generator.history[-1]["total"])
