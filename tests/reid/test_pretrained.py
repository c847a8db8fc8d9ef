"""ImageNet weights: both stems and the trunk get them; wrong files are refused by name."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vireid_lib.reid import pretrained
from vireid_lib.reid.layers.backbones import TwoStreamResNet50
from vireid_lib.reid.methods.mpanet import SingleStreamResNet50
from vireid_lib.training import weights


@pytest.fixture(scope="module")
def imagenet() -> dict[str, torch.Tensor]:
    """A random ResNet-50 by torchvision's names, classifier included."""
    backbone = TwoStreamResNet50(non_local=False)
    state = {
        name.removeprefix("stems.visible."): torch.rand_like(tensor.float())
        for name, tensor in backbone.state_dict().items()
        if not name.startswith("stems.infrared.") and not name.endswith("num_batches_tracked")
    }
    return state | {"fc.weight": torch.rand(1000, 2048), "fc.bias": torch.rand(1000)}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_both_streams_start_from_the_file(tmp_path: Path, imagenet: dict, suffix: str) -> None:
    file = tmp_path / f"resnet50{suffix}"
    save_file(imagenet, file) if suffix == ".safetensors" else torch.save(imagenet, file)
    backbone = TwoStreamResNet50()
    pretrained.load_imagenet(backbone, str(file))
    later = TwoStreamResNet50(non_local=False, shared_from=3)
    pretrained.load_imagenet(later, str(file))
    for modality in ("visible", "infrared"):
        assert torch.equal(later.stems[modality].layer2[3].conv3.weight, imagenet["layer2.3.conv3.weight"])
        assert torch.equal(backbone.stems[modality].conv1.weight, imagenet["conv1.weight"])
        assert torch.equal(backbone.stems[modality].bn1.running_var, imagenet["bn1.running_var"])
    assert torch.equal(backbone.layer4[2].bn3.bias, imagenet["layer4.2.bn3.bias"])
    assert not backbone.non_local["layer2"][0].norm.weight.any()


def test_a_single_stem_starts_from_the_file_and_alleviation_is_left_alone(tmp_path: Path, imagenet: dict) -> None:
    save_file(imagenet, tmp_path / "resnet50.safetensors")
    backbone = SingleStreamResNet50()
    before = backbone.alleviation["layer4"].reduce.weight.clone()
    pretrained.load_imagenet(backbone, str(tmp_path / "resnet50.safetensors"))
    assert torch.equal(backbone.stems["shared"].conv1.weight, imagenet["conv1.weight"])
    assert torch.equal(backbone.layer3[5].conv2.weight, imagenet["layer3.5.conv2.weight"])
    assert torch.equal(backbone.alleviation["layer4"].reduce.weight, before)


def test_hub_id_is_downloaded(tmp_path: Path, imagenet: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    file, asked = tmp_path / "model.safetensors", []
    save_file(imagenet, file)
    monkeypatch.setattr(weights, "hf_hub_download", lambda *names: asked.append(names) or str(file))
    pretrained.load_imagenet(TwoStreamResNet50(), pretrained.HUB_ID)
    assert asked == [(pretrained.HUB_ID, "model.safetensors")]


def test_another_network_is_refused_by_its_keys(tmp_path: Path, imagenet: dict) -> None:
    wrong = dict(imagenet)
    del wrong["layer1.0.conv1.weight"]
    wrong["extra.weight"] = torch.zeros(1)
    wrong["bn1.weight"] = torch.zeros(32)
    save_file(wrong, tmp_path / "wrong.safetensors")
    with pytest.raises(ValueError, match="missing layer1.0.conv1.weight; unknown extra.weight; .*bn1.weight is"):
        pretrained.load_imagenet(TwoStreamResNet50(), str(tmp_path / "wrong.safetensors"))
