"""ImageNet weights: both stems and the trunk get them; wrong files are refused by name."""

import pytest
import torch
from safetensors.torch import save_file

from vireid_lib.reid import pretrained
from vireid_lib.reid.layers.backbones import TwoStreamResNet50
from vireid_lib.reid.methods.mpanet import SingleStreamResNet50


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


def test_both_streams_start_from_the_file(tmp_path, imagenet):
    file = tmp_path / "resnet50.pth"
    torch.save(imagenet, file)
    plain, single = TwoStreamResNet50(), SingleStreamResNet50()
    later = TwoStreamResNet50(non_local=False, shared_from=3)
    before = single.alleviation["layer4"].reduce.weight.clone()
    for backbone in (plain, later, single):
        pretrained.load_imagenet(backbone, str(file))
    for stem in (*plain.stems.values(), single.stems["shared"]):
        assert torch.equal(stem.conv1.weight, imagenet["conv1.weight"])
        assert torch.equal(stem.bn1.running_var, imagenet["bn1.running_var"])
    assert torch.equal(later.stems["infrared"].layer2[3].conv3.weight, imagenet["layer2.3.conv3.weight"])
    assert torch.equal(plain.layer4[2].bn3.bias, imagenet["layer4.2.bn3.bias"])
    assert not plain.non_local["layer2"][0].norm.weight.any()
    assert torch.equal(single.alleviation["layer4"].reduce.weight, before), "what ImageNet does not have is left alone"


def test_another_network_is_refused_by_its_keys(tmp_path, imagenet):
    wrong = dict(imagenet)
    del wrong["layer1.0.conv1.weight"]
    wrong["extra.weight"] = torch.zeros(1)
    wrong["bn1.weight"] = torch.zeros(32)
    save_file(wrong, tmp_path / "wrong.safetensors")
    words = r"bn1.weight is \(32,\) there.*extra.weight is .* there and None now; layer1.0.conv1.weight is None there"
    with pytest.raises(ValueError, match=words):
        pretrained.load_imagenet(TwoStreamResNet50(), str(tmp_path / "wrong.safetensors"))
