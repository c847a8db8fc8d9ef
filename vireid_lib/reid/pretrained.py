"""ImageNet weights for the two-stream ResNet-50, from the hub or a local file, never unpickled."""

import torch
from torch import Tensor

from vireid_lib.reid.layers import TwoStreamResNet50
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

    Raises:
        FileNotFoundError, ValueError: see `read_imagenet`; also ValueError for keys that are missing,
            unknown or of another shape, naming them.
    """
    state = {
        name: tensor
        for name, tensor in read_imagenet(source).items()
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    own = {
        name: tensor
        for name, tensor in backbone.state_dict().items()
        if not name.startswith(("non_local.", "alleviation.")) and not name.endswith("num_batches_tracked")
    }
    origin = {name: name.split(".", 2)[2] if name.startswith("stems.") else name for name in own}
    missing = sorted(set(origin.values()) - state.keys())
    unknown = sorted(state.keys() - set(origin.values()))
    shapes = [
        f"{theirs} is {list(state[theirs].shape)} there and {list(own[name].shape)} here"
        for name, theirs in origin.items()
        if theirs in state and state[theirs].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        raise ValueError(
            f"{source} is not a torchvision ResNet-50: missing {_some(missing)}; unknown {_some(unknown)}; "
            f"other shapes: {_some(shapes)}."
        )
    with torch.no_grad():
        for name, theirs in origin.items():
            own[name].copy_(state[theirs])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more if names else "none"
