"""The flows: exact inverses, log-determinants by autograd, the released layers' values."""

import re

import numpy as np
import oracle_files
import pytest
import torch

from vireid_lib.generators.flow2flow import real_nvp
from vireid_lib.generators.flow2flow.flow import AffineCoupling, Flow, InvertibleConvolution, InvertibleTanh, squeeze


def _fill(module, held):
    module.double().load_state_dict(oracle_files.weights(held, lambda name: name.replace(".conv.", ".")))
    return module


def _stir(module, seed=0):
    """Random weights everywhere: layers that start as the identity would prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = max(1, parameter[0].numel()) if parameter.ndim > 1 else 25
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return module


@pytest.mark.parametrize(
    "settings", [{}, {"activation": False}, {"scale": 5.0}, {"bounded": False}, {"place": "middle"}, {"place": "first"}]
)
def test_the_flow_is_invertible(settings):
    torch.manual_seed(0)
    flow = _stir(Flow(blocks=12, squeezes=3, width=16, **settings))
    images = torch.rand(4, 3, 32, 16) * 2 - 1
    with torch.no_grad():
        latents, _ = flow(images)
        assert (flow(latents, generate=True) - images).abs().max() < 1e-4
    bounded = settings.get("activation", True) and settings.get("place", "last") == "last"
    assert latents.shape == (4, 192, 4, 2) and bool(latents.abs().max() < 1) is bounded


def test_in_bfloat16_the_flow_is_not_invertible_and_so_refused():
    torch.manual_seed(0)
    flow, off = _stir(Flow(blocks=12, squeezes=3, width=16)), {}
    images = torch.rand(4, 3, 32, 16) * 2 - 1
    for half in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            off[half] = float((flow(flow(images)[0], generate=True).float() - images).abs().max()) * 128
    assert off[False] < 0.1 and off[True] > 5  # grey levels


def test_saturated_latents_are_inverted_too():
    values, layer = torch.linspace(-13, 13, 64).view(1, 1, 8, 8), InvertibleTanh()
    assert (layer(layer(values)[0], generate=True).float() - values).abs().max() < 1e-4
    assert torch.isfinite(layer(torch.ones(1, 1, 2, 2), generate=True)).all()


LAYER, FLOW = (1, 4, 2, 2), (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (InvertibleConvolution(4), LAYER),
        (_stir(AffineCoupling(4, 8)), LAYER),
        (InvertibleTanh(), LAYER),
        (InvertibleTanh(5.0), LAYER),
        (_stir(AffineCoupling(4, 8, bounded=False)), LAYER),
        (real_nvp.CheckerboardCoupling(4, 8, 1, turned=False).eval(), LAYER),
        (real_nvp.ChannelCoupling(4, 8, 1, turned=True).eval(), LAYER),
        (_stir(Flow(blocks=4, squeezes=2, width=8)), FLOW),
        (_stir(Flow(blocks=4, squeezes=2, width=8, place="middle", scale=2.0, bounded=False)), FLOW),
        (_stir(real_nvp.RealNvp(width=4, blocks=1).eval().flows), FLOW),
        (_stir(real_nvp.RealNvp(width=4, blocks=1, activation=True).eval().flows), FLOW),
    ],
)
def test_log_determinant_of_a_layer_or_flow(layer, shape):
    layer, values = layer.double(), torch.rand(shape, dtype=torch.float64) * 2 - 1
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0], values)
    expected = torch.linalg.slogdet(jacobian.reshape(values.numel(), values.numel()))[1]
    torch.testing.assert_close(layer(values)[1][0], expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(("bounded", "second", "determinant"), [(True, 3.0, np.log(0.5)), (False, 1.0, -58)])
def test_a_coupling_by_hand(bounded, second, determinant):
    """Eq. 5 with S = 0, its lowest, or without bounds 2 − 60, and T = 1: the first half stays, the second is halved (or
    all but vanishes) and shifted."""
    layer = AffineCoupling(2, 4, bounded=bounded)
    with torch.no_grad():
        layer.network[-1].bias.copy_(torch.tensor([-60.0, 1.0]))
        maps, log_determinant = layer(torch.tensor([[[[3.0]], [[4.0]]]]))
    assert maps.flatten().tolist() == [3.0, second] and log_determinant.item() == pytest.approx(determinant)


def test_the_released_activation_sits_between_the_couplings():
    flow = real_nvp.RealNvp(width=4, blocks=1, activation=True)
    kinds = [type(layer).__name__ for layer in flow.flows.out_couplings]
    assert kinds == ["ChannelCoupling", "ChannelCoupling", "InvertibleTanh", "ChannelCoupling"]
    torch.manual_seed(0)
    images = torch.rand(2, 3, 8, 8) * 1.8 - 0.9
    with torch.no_grad():
        flow.eval()
        latents, _ = flow(images)
        torch.testing.assert_close(flow.logits(latents), flow.to_logits(images)[0], rtol=1e-4, atol=1e-4)


def test_a_coupling_never_stretches_more_than_twofold():
    """Whatever the weights and the values: what the other flow makes may be unlike anything that was trained on."""
    torch.manual_seed(0)
    layer = AffineCoupling(4, 8)
    torch.nn.init.normal_(layer.network[-1].weight, std=100.0)
    maps = 50 * torch.randn(2, 4, 3, 3)
    with torch.no_grad():
        steps = layer(maps + torch.eye(4)[3].view(4, 1, 1), generate=True) - layer(maps, generate=True)
    assert (steps[:, 3] < 2.01).all() and (steps[:, 3] > 1.01).all()


def test_convolution_starts_as_a_rotation():
    weight = InvertibleConvolution(6).weight()
    torch.testing.assert_close(weight @ weight.T, torch.eye(6), atol=1e-5, rtol=0)


def test_squeezing_and_masks_equal_the_release():
    held = oracle_files.read("modules/f2f_squeeze")
    assert torch.equal(squeeze(held["in.x"]), held["out.squeeze"])
    assert torch.equal(real_nvp.squeeze_diagonally(held["in.x"]), held["out.squeeze_alt"])
    assert torch.equal(real_nvp.unsqueeze_diagonally(held["out.squeeze_alt"]), held["in.x"])
    assert torch.equal(real_nvp.checkerboard(held["in.x"]), held["out.checkerboard"])
    assert torch.equal(real_nvp.checkerboard(held["in.x"], turned=True), held["out.checkerboard_reversed"])


@pytest.mark.parametrize("name", oracle_files.names("modules/f2f_coupling_*"))
def test_released_coupling(name):
    held, about = oracle_files.read(name), oracle_files.meta(name)
    make = {"checkerboard": real_nvp.CheckerboardCoupling, "channel": real_nvp.ChannelCoupling}[about["mask"]]
    width = len(held["w.st_net.in_conv.conv.weight_v"])
    blocks = len([key for key in held if re.fullmatch(r"w\.st_net\.blocks\.\d+\.in_norm\.weight", key)])
    layer = _fill(make(held["in.x"].shape[1], width, blocks, turned=about["reverse_mask"]), held)
    values = held["in.x"].clone().requires_grad_()
    latents, log_determinant = layer.eval()(values)
    _close(latents, held["out.eval_z"])
    _close(log_determinant, held["out.eval_sldj"])
    _close(layer(latents, generate=True), held["out.eval_reverse_of_z"])
    ((latents * held["in.cotangent"]).sum() - log_determinant.sum()).backward()
    _close(values.grad, held["grad.eval_input"])
    latents, log_determinant = layer.train()(held["in.x"])
    _close(latents, held["out.train_z"])
    _close(log_determinant, held["out.train_sldj"])
    state = layer.state_dict()
    for key, value in held.items():
        if key.startswith("after."):
            _close(state[key.removeprefix("after.")], value)
    _close(layer(latents, generate=True), held["out.train_reverse_of_z"])


@pytest.mark.parametrize("name", oracle_files.names("modules/f2f_realnvp_scales*"))
def test_released_flow(name):
    held, about = oracle_files.read(name), oracle_files.meta(name)
    sizes = {"scales": about["num_scales"], "width": about["mid_channels"], "blocks": about["num_blocks"]}
    flow = _fill(real_nvp.RealNvp(**sizes), held).eval()
    images = ((held["in.x"] + 1) / 2 * 255 + held["in.dequantisation_noise"]) / 256 * 2 - 1
    logits, log_determinant = flow.to_logits(images)
    _close(logits, held["out.logits"])
    _close(log_determinant, held["out.pre_sldj"])
    latents, log_determinant = flow(images)
    _close(latents, held["out.eval_z"])
    _close(log_determinant, held["out.eval_sldj"])
    _close(flow.logits(latents), held["out.eval_reverse_of_z"])
    _close(flow(latents, generate=True), held["out.eval_reverse_of_z"].tanh())
    latents, log_determinant = flow.train()(images)
    _close(latents, held["out.train_z"])
    _close(log_determinant, held["out.train_sldj"])


def _close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)
