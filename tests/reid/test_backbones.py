"""Backbones whose first layers are each modality's own."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vireid_lib.reid import pretrained
from vireid_lib.reid.resnet import TwoStreamResNet50
from vireid_lib.reid.small import TwoStreamSmall


@pytest.mark.parametrize("shared_from", [1, 2, 3, 4])
@pytest.mark.parametrize("backbone_class", [TwoStreamResNet50, TwoStreamSmall])
def test_layers_before_the_shared_ones_are_doubled(backbone_class: type, shared_from: int) -> None:
    backbone = backbone_class(non_local=False, shared_from=shared_from).eval()
    names = {
        name.rpartition("layer")[0] + f"layer{n}"
        for name in backbone.state_dict()
        for n in "1234"
        if f"layer{n}." in name
    }
    own = {f"stems.{modality}.layer{n}" for n in range(1, shared_from) for modality in ("visible", "infrared")}
    assert names == own | {f"layer{n}" for n in range(shared_from, 5)} == own | set(backbone.shared)
    images = torch.rand(1, 3, 64, 32)
    whole = backbone.trunk(backbone.stem(images, "visible"))
    maps = backbone.stem(images, "visible")
    for layer in backbone.shared:
        maps = backbone.trunk(maps, (layer,))
    assert torch.equal(whole, maps) and maps.shape[1] == backbone.channels
    with torch.no_grad():
        for parameter in backbone.stems["infrared"].parameters():
            parameter.zero_()
    assert torch.equal(backbone.trunk(backbone.stem(images, "visible")), whole)
    assert not torch.equal(backbone.trunk(backbone.stem(images, "infrared")), whole)


def test_own_layers_start_from_imagenet_too(tmp_path: Path) -> None:
    whole = TwoStreamResNet50(non_local=False).state_dict()
    imagenet = {
        name.removeprefix("stems.visible."): tensor
        for name, tensor in whole.items()
        if not name.startswith("stems.infrared.") and not name.endswith("num_batches_tracked")
    }
    save_file(imagenet, tmp_path / "resnet50.safetensors")
    backbone = TwoStreamResNet50(non_local=False, shared_from=3)
    pretrained.load_imagenet(backbone, str(tmp_path / "resnet50.safetensors"))
    for modality in ("visible", "infrared"):
        assert torch.equal(backbone.stems[modality].layer2[3].conv3.weight, imagenet["layer2.3.conv3.weight"])
    assert torch.equal(backbone.layer3[0].conv1.weight, imagenet["layer3.0.conv1.weight"])


@pytest.mark.parametrize(("backbone_class", "shared_from"), [(TwoStreamResNet50, 3), (TwoStreamSmall, 4)])
def test_non_local_blocks_need_shared_layers(backbone_class: type, shared_from: int) -> None:
    with pytest.raises(ValueError, match=f"shared_from is {shared_from}, but the non-local block.* non_local to False"):
        backbone_class(shared_from=shared_from)
