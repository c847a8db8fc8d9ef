"""JSIA-ReID's networks and helpers against the released ones; losses by hand."""

import re

import numpy as np
import oracle_files
import pytest
import torch
from torch.nn import functional

from vireid_lib.data.augment import normalise
from vireid_lib.generators.jsia import Jsia, losses, networks
from vireid_lib.generators.jsia.encoders import grey, network_input
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.joint_method import JsiaNetwork

INSIDE = (256, 128)  # height and width at which the release sees every image
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def _filled(module, held, renamed):
    """The module in float64 with the oracle's weights; `renamed` maps its names to ours, None drops one."""
    weights = oracle_files.weights(held, renamed)
    for name, value in weights.items():
        if value.shape[2:] == (1, 1) and name.startswith("style."):
            weights[name] = value.flatten(2).squeeze(2)
    module.double().load_state_dict(weights)
    return module


def test_map_norm():
    held = oracle_files.read("modules/jsia_layernorm")
    norm = networks.MapNorm(len(held["w.gamma"])).double()
    norm.load_state_dict({name: held[f"w.{name}"] for name in ("gamma", "beta")})
    torch.testing.assert_close(norm(held["in.x"]), held["out.y"], **EXACT)


def test_adaptive_instance_norm():
    held = oracle_files.read("modules/jsia_adain")
    shape = held["in.x"].shape[:2]
    found = networks.adaptive_instance_norm(held["in.x"], held["in.weight"].view(shape), held["in.bias"].view(shape))
    torch.testing.assert_close(found, held["out.y"], **EXACT)


@pytest.mark.parametrize("name", oracle_files.names("modules/jsia_modspec_encoder_down*"))
def test_style_encoder(name):
    held = oracle_files.read(name)
    downsamplings = len([key for key in held if key.endswith(".conv.weight")]) - 1
    last = f"model.{downsamplings + 2}."
    width, style = len(held["w.model.0.conv.weight"]), len(held[f"w.{last}weight"])

    def renamed(name):
        if name.startswith("classifier"):  # the release computes it and uses it nowhere
            return None
        return name.replace(last, "style.") if name.startswith(last) else name.replace("model.", "layers.")

    network = _filled(networks.StyleEncoder(width=width, downsamplings=downsamplings, style=style), held, renamed)
    styles = network(held["in.x"])
    torch.testing.assert_close(styles, held["out.style"].flatten(1), **EXACT)
    predicted = functional.linear(styles, held["w.classifier.weight"], held["w.classifier.bias"])
    torch.testing.assert_close(predicted, held["out.predict"], **EXACT)


def test_decoder_and_its_mlp():
    held = oracle_files.read("modules/jsia_decoder_adain")
    blocks = len([key for key in held if re.fullmatch(r"w\.dec\.model\.0\.model\.\d+\.model\.0\.conv\.weight", key)])
    upsamplings = len([key for key in held if re.fullmatch(r"w\.dec\.model\.\d+\.norm\.gamma", key)])
    width, style = held["w.mlp.model.0.fc.weight"].shape
    # Theirs numbers the upsampling itself as a layer, and so do we: 2, 4, … against 1, 3, …
    places = {f"mlp.model.{place}.fc.": f"mlp.{2 * place}." for place in range(3)}
    places |= {f"dec.model.{2 * place + 2}.": f"ups.{2 * place + 1}." for place in range(upsamplings)}
    places[f"dec.model.{2 * upsamplings + 1}."] = f"ups.{2 * upsamplings}."

    def renamed(name):
        if "running" in name:  # never used
            return None
        for theirs, ours in places.items():
            name = name.replace(theirs, ours)
        for block in range(blocks):
            for place, which in enumerate(("first", "second")):
                name = name.replace(f"dec.model.0.model.{block}.model.{place}.", f"blocks.{block}.{which}.")
        return name

    channels = held["in.content"].shape[1]
    made = networks.Decoder(channels, style=style, blocks=blocks, upsamplings=upsamplings, mlp_width=width)
    network = _filled(made, held, renamed)
    content, style = held["in.content"].requires_grad_(), held["in.style"].requires_grad_()
    torch.testing.assert_close(network.mlp(style.flatten(1)), held["out.adain_params"], **EXACT)
    images = network(content, style.flatten(1))
    torch.testing.assert_close(images, held["out.image"], **EXACT)
    (images * held["in.cotangent"]).sum().backward()
    torch.testing.assert_close(content.grad, held["grad.content"], **EXACT)
    torch.testing.assert_close(style.grad, held["grad.style"], **EXACT)
    alone = network(content[:1], style[:1].flatten(1))
    torch.testing.assert_close(alone, held["out.image_first_sample_alone"], **EXACT)


def test_discriminator_and_its_losses():
    held = oracle_files.read("modules/jsia_discriminator")
    scales = len({key.split(".")[2] for key in held if key.startswith("w.cnns.")})
    layers = len([key for key in held if re.fullmatch(r"w\.cnns\.0\.\d+\.conv\.weight", key)])
    made = networks.MultiScaleDiscriminator(width=len(held["w.cnns.0.0.conv.weight"]), layers=layers, scales=scales)
    network = _filled(made, held, lambda name: name.replace("cnns.", "scales."))
    of_fake, of_real = network(held["in.fake"]), network(held["in.real"])
    for place, scores in enumerate(of_fake):
        torch.testing.assert_close(scores, held[f"out.scale{place}"], **EXACT)
    torch.testing.assert_close(losses.discriminator_loss(of_fake, of_real), held["out.dis_loss"], **EXACT)
    torch.testing.assert_close(losses.generator_loss(of_fake), held["out.gen_loss"], **EXACT)


def test_grey_and_normalisation():
    """The release keeps these constants in float32."""
    held = oracle_files.read("modules/jsia_rgb2gray_norm")
    torch.testing.assert_close(grey(held["in.x"]), held["out.gray"], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(normalise(held["in.x"]), held["out.norm"], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(network_input(held["in.x"] * 2 - 1), held["out.norm"], rtol=1e-6, atol=1e-6)
    signed = held["in.x"] / 2 + 0.5  # what `network_input` starts with
    assert torch.equal(network_input(held["in.x"]), normalise(signed))
    torch.testing.assert_close(signed, held["out.denorm"], rtol=1e-6, atol=1e-6)


def _ours(name):
    for theirs, ours in {
        "resnet_conv1.0.": "set_level.conv1.",
        "resnet_conv1.1.": "set_level.bn1.",
        "resnet_conv1.3.": "set_level.layer1.",
        "resnet_conv2.0.": "instance_level.layer2.",
        "resnet_conv2.1.": "instance_level.layer3.",
        "resnet_conv2.2.": "instance_level.layer4.",
        "classifier.bn.": "bottleneck.",
        "classifier.classifier.": "classifier.",
    }.items():
        if name.startswith(theirs):
            return name.replace(theirs, ours, 1)
    raise KeyError(name)


def test_encoder_outputs_are_the_releases():
    """Filled by the oracles' rule, in float64."""
    oracle = oracle_files.read_json("networks/jsia_encoder_entries")
    config = JsiaReidConfig(form="release", pretrained=None)
    with torch.device("meta"):
        network = JsiaNetwork(config, oracle["meta"]["num_classes"])
    network = network.to_empty(device="cpu").double()
    oracle_files.filled(network, oracle, _ours)
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen == [_ours(name) for name in oracle["not_trainable"]]

    held = oracle_files.read("networks/jsia_encoder_outputs", torch.float64)
    about = oracle_files.meta("networks/jsia_encoder_outputs")
    shown = oracle_files.images(about)
    images = {name: functional.interpolate(batch, INSIDE, mode="bilinear") for name, batch in shown.items()}
    seen = {short: network_input(images[name]) for short, name in (("vis", "visible"), ("ir", "infrared"))}
    rows, columns = held["out.setlevel_gray_patch"].shape[2:]
    found = {}
    with torch.no_grad():
        network.eval()
        maps = network(seen["vis"], "set_level")
        found["out.setlevel_gray_mean_hw"] = maps.mean((2, 3))
        found["out.setlevel_gray_patch"] = maps[:, :, :rows, :columns]
        found["out.eval_vis_gray_feat"] = network.features(seen["vis"], "visible")
        network.set_level.grey = False
        found["out.eval_vis_feat"] = network.features(seen["vis"], "visible")
        found["out.eval_ir_feat"] = network.features(seen["ir"], "infrared")
        output = network.train()(seen["vis"])
        found["out.train_pool"], found["out.train_logits"] = output.pooled, output.logits
    assert found.keys() == held.keys()
    for name, value in found.items():
        limit = 1e-4 if "train" in name else 5e-6  # statistics of two samples enlarge the release's float32 constants
        assert (value - held[name]).abs().max() <= limit * held[name].abs().max(), name


def test_divergences_by_hand():
    first, second = torch.log(torch.tensor([[0.5, 0.5]])), torch.log(torch.tensor([[0.25, 0.75]]))
    assert losses.divergence(first, second).item() == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    both = losses.divergence(first, second) + losses.divergence(second, first)
    assert losses.released_divergence(first, second).item() == pytest.approx(both.item(), rel=1e-5)
    learner, teacher = first.clone().requires_grad_(), second.clone().requires_grad_()
    losses.released_divergence(learner, teacher).backward()
    assert teacher.grad is None and learner.grad.abs().sum() > 0


def test_alignment_of_regions_is_the_mean_over_them():
    stream = torch.Generator().manual_seed(0)
    real, fake = ({name: torch.randn(3, 4, 5, generator=stream) for name in ("visible", "infrared")} for _ in "rf")
    whole = losses.alignment(real, fake, "as_printed")
    total = 0.0
    for place in range(4):
        parts = ({name: held[name][:, place] for name in held} for held in (real, fake))
        total += losses.alignment(*parts, "as_printed")
    assert whole.item() == pytest.approx(total.item() / 4, rel=1e-5)
    by_hand = losses.divergence(real["infrared"], fake["visible"])
    assert torch.equal(whole, by_hand + losses.divergence(fake["infrared"], real["visible"]))


def test_the_released_form_has_no_latents(tiny):
    maker = Jsia(tiny("jsia", form="release", height=16, width=16), device="cpu", progress=False)
    with pytest.raises(ValueError, match="no variation module"):
        maker.latents(np.zeros((1, 16, 16, 3), np.uint8))


def test_unseen_identities_have_soft_labels():
    """Zero where the prediction is the mixture of the two, and no gradient through the label."""
    first, second = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()[:, None]
    share = torch.tensor([0.3])
    target = 0.3 * functional.softmax(first, 1) + 0.7 * functional.softmax(second, 1)
    assert losses.unseen(target.log(), first, second, share).item() == pytest.approx(0, abs=1e-6)
    mixed = torch.zeros(1, 4, requires_grad=True)
    losses.unseen(mixed, first, second, share).backward()
    by_hand = (0.25 * (np.log(0.25) - target.detach().log())).sum()
    assert losses.unseen(mixed, first, second, share).item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert mixed.grad.abs().sum() > 0


def test_variation_losses_by_hand():
    maps, rebuilt = torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    mean, deviation = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.ones(2, 2)
    found = losses.variation(maps, rebuilt, mean, deviation, distribution_weight=1.0)
    assert found["variation_maps"] == 1.0  # ‖M − M̂‖₁ = 4 over 4 values
    assert found["variation_latents"].item() == pytest.approx((5 + 0) / 2 / 4)
    encoder = networks.LatentEncoder(6, 16, 8, width=4, latent=5)
    decoder = networks.LatentDecoder(6, 16, 8, width=4, latent=5)
    mean, deviation = encoder(torch.rand(3, 6, 16, 8))
    assert mean.shape == (3, 5) and (deviation > 0).all() and decoder(mean).shape == (3, 6, 16, 8)
    mixed = losses.mix(torch.ones(2, 3), torch.zeros(2, 3), torch.tensor([0.25, 1.0]))
    assert mixed.tolist() == [[0.25] * 3, [1.0] * 3]
