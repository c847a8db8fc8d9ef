"""ImageNet weights for the two-stream ResNet-50, from the hub or a local file, never unpickled."""

import torch
from torch import Tensor

from vireid_lib.reid.layers.backbones import TwoStreamResNet50
from vireid_lib.training.binding import differences
from vireid_lib.training.weights import read_weights

HUB_ID = "timm/resnet50.tv_in1k"  # torchvision's IMAGENET1K_V1, what AGW's release starts from, as safetensors
REMEDY = (
    f"Give the path of a local ResNet-50 file (.safetensors or .pth) or a hub id such as {HUB_ID!r} as "
    "`pretrained`, or None to start untrained."
)


def read_imagenet(source: str) -> dict[str, Tensor]:
    """A ResNet-50's weights by torchvision's names; `source` and errors as in `training.weights.read_weights`."""
    return read_weights(source, "ImageNet weights", REMEDY)


def load_imagenet(backbone: TwoStreamResNet50, source: str) -> None:
    """Start both stems, with what layers they have of their own, and the shared layers from one ImageNet ResNet-50.
    Raises FileNotFoundError, ValueError: see `read_imagenet`; also ValueError for keys that are missing, unknown or of
    another shape, naming them."""
    counted, added = "num_batches_tracked", ("non_local.", "alleviation.")
    own = {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if not name.endswith(counted) and not name.startswith(added)
    }
    origin = {name: name.split(".", 2)[2] if name.startswith("stems.") else name for name in own}
    given = {name: tensor for name, tensor in read_imagenet(source).items() if not name.startswith("fc.")}
    there = {name: tuple(tensor.shape) for name, tensor in given.items() if not name.endswith(counted)}
    if found := list(differences(there, {theirs: tuple(own[name].shape) for name, theirs in origin.items()})):
        raise ValueError(f"{source} is not a torchvision ResNet-50: {'; '.join(found[:4])}. {REMEDY}")
    with torch.no_grad():
        for name, theirs in origin.items():
            own[name].copy_(given[theirs])
