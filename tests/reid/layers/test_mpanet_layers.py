"""MPANet's layers against the released modules, and by hand."""

import oracle_files
import pytest
import torch
from torch.nn import functional

from vireid_lib.reid.layers import ModalityAlleviation, PatternAlignment
from vireid_lib.reid.single_stream import SingleStreamResNet50, SingleStreamSmall

NAMES = {"channel_attention.0.weight": "reduce.weight", "channel_attention.2.weight": "expand.weight"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_modality_alleviation_equals_the_release(dtype: torch.dtype) -> None:
    tensors = oracle_files.read("modules/mpanet_mam", dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-5
    layer = ModalityAlleviation(tensors["in.x"].shape[1]).to(dtype)
    layer.load_state_dict({ours: tensors[f"w.{theirs}"] for theirs, ours in NAMES.items()})
    x = tensors["in.x"].clone().requires_grad_()
    for mode in ("eval", "train"):
        found = layer.train(mode == "train")(x)
        torch.testing.assert_close(found, tensors[f"out.{mode}"], rtol=tolerance, atol=tolerance)
    (found * tensors["in.cotangent"]).sum().backward()
    gradients = {"input0": x.grad} | {theirs: layer.get_parameter(ours).grad for theirs, ours in NAMES.items()}
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, tensors[f"grad.{name}"], rtol=tolerance, atol=tolerance)


def test_alleviation_mixes_a_map_with_its_instance_normalisation() -> None:
    layer, maps = ModalityAlleviation(16), torch.randn(2, 16, 5, 3) * 3 + 2
    with torch.no_grad():
        for share in (-100.0, 100.0):  # the gate's logits, with the same sign in every channel
            layer.reduce.weight.fill_(1.0)
            layer.expand.weight.fill_(share)
            found = layer(maps.abs())
            expected = maps.abs() if share > 0 else functional.instance_norm(maps.abs())
            torch.testing.assert_close(found, expected)


def test_patterns_weigh_the_map_before_it_is_averaged() -> None:
    layer, maps = PatternAlignment(8, patterns=3), torch.randn(2, 8, 4, 5)
    patterns, features = layer.patterns(maps), layer(maps)
    assert patterns.shape == (2, 3, 4, 5) and 0 <= patterns.min() and patterns.max() <= 1
    assert features.shape == (2, 32)
    for i in range(3):
        weighed = (patterns[:, i : i + 1] * maps).mean(dim=(2, 3))
        torch.testing.assert_close(features[:, 8 * i : 8 * i + 8], weighed)
    torch.testing.assert_close(features[:, 24:], maps.mean(dim=(2, 3)))


def test_both_modalities_pass_one_stem_and_alleviation_after_the_last_two_stages() -> None:
    backbone = SingleStreamSmall().eval()
    images = torch.rand(2, 3, 64, 32)
    assert torch.equal(backbone.stem(images, "visible"), backbone.stem(images, "infrared"))
    maps = backbone.trunk(backbone.stem(images, "visible"))
    assert maps.shape == (2, 96, 8, 4)
    by_hand = backbone.layer2(backbone.layer1(backbone.stem(images, "visible")))
    by_hand = backbone.alleviation["layer3"](backbone.layer3(by_hand))
    assert torch.equal(backbone.alleviation["layer4"](backbone.layer4(by_hand)), maps)
    with pytest.raises(ValueError, match="modality is 'thermal'"):
        backbone.stem(images, "thermal")


def test_resnet_has_one_stem() -> None:
    with torch.device("meta"):
        names = {name for name, _ in SingleStreamResNet50().named_parameters()}
    assert {name for name in names if name.startswith("stems.")} == {
        "stems.shared.conv1.weight",
        "stems.shared.bn1.weight",
        "stems.shared.bn1.bias",
    }
