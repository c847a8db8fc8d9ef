"""JSIA-ReID as a generator: a person's own styles, mixtures, the released form's gradients."""

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image

from vireid_lib.generators import load
from vireid_lib.generators.jsia.generation import backward, generate, make_networks


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


def _generated(config):
    """A pass in double precision: networks, real images, what was made, losses."""
    torch.manual_seed(0)
    nets = {name: module.double() for name, module in make_networks(config).items()}
    draw = torch.Generator().manual_seed(1)
    shape = (3, 3, config.height, config.width)
    real = {name: 2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1 for name in ("visible", "infrared")}
    return nets, real, *generate(nets, real, config, draw)


def test_the_release_discards_what_features_teach_the_encoder(tiny):
    """The encoder's gradient is that of a training without the feature loss, the others' that of one with it, and none
    but the encoder's differ."""
    found = []
    for changes in ({"feature_weight": 0.0}, {}, {"feature_reaches_encoder": False}):
        config = tiny("jsia", variation=False, **{"feature_weight": 1.0} | changes)
        nets, _, made, losses = _generated(config)
        backward(Accelerator(cpu=True), losses["total"], made, nets["set_level"])
        both = (nets[name] for name in ("set_level", "decoder_visible"))
        found.append([{n: p.grad for n, p in net.named_parameters()} for net in both])
    (without, _), (taught, others), (spared, spared_others) = found
    for name, value in spared.items():
        torch.testing.assert_close(value, without[name], rtol=1e-7, atol=1e-12)
    for name, value in spared_others.items():
        torch.testing.assert_close(value, others[name], rtol=1e-7, atol=1e-12)
    assert any((taught[name] - value).abs().max() > 1e-3 * value.abs().max() for name, value in spared.items())


def test_a_cycle_is_closed_with_either_styles(tiny):
    """Eq. 6 takes the generated images' styles, the release those of the real images."""
    for styles in ("generated", "first"):
        nets, real, made, losses = _generated(tiny("jsia", cycle_styles=styles))
        closing = nets["style_visible"](made.fake["visible"]) if styles == "generated" else made.styles["visible"]
        back = nets["decoder_visible"](made.fake_maps["infrared"], closing)  # the content of what was made of it
        torch.testing.assert_close(losses["cycle_visible"], (back - real["visible"]).abs().mean())
