"""ImageNet weights for the two-stream ResNet-50, from the hub or a local file, never unpickled."""

import torch
from torch import Tensor

from vireid_lib.reid.layers.backbones import TwoStreamResNet50
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
    given, state = read_imagenet(source), backbone.state_dict()
    given = {name: tensor for name, tensor in given.items() if not name.startswith("fc.") and _learnt(name)}
    own = {name: tensor for name, tensor in state.items() if not name.startswith(("non_local.", "alleviation."))}
    origin = {name: name.split(".", 2)[2] if name.startswith("stems.") else name for name in own if _learnt(name)}
    missing, unknown = sorted(set(origin.values()) - given.keys()), sorted(given.keys() - set(origin.values()))
    shapes = [
        f"{theirs} is {list(given[theirs].shape)} there and {list(own[name].shape)} here"
        for name, theirs in origin.items()
        if theirs in given and given[theirs].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        raise ValueError(
            f"{source} is not a torchvision ResNet-50: missing {_some(missing)}; unknown {_some(unknown)}; "
            f"other shapes: {_some(shapes)}."
        )
    with torch.no_grad():
        for name, theirs in origin.items():
            own[name].copy_(given[theirs])


def _learnt(name: str) -> bool:
    return not name.endswith("num_batches_tracked")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more if names else "none"
