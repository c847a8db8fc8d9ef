"""ImageNet weights for the two-stream ResNet-50, from the hub or a local file, never unpickled."""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import load_file
from torch import Tensor

from vireid_lib.reid.resnet import TwoStreamResNet50

HUB_ID = "timm/resnet50.tv_in1k"  # torchvision's IMAGENET1K_V1, what AGW's release starts from, as safetensors


def read_weights(source: str) -> dict[str, Tensor]:
    """Weights by torchvision's names.

    Args:
        source: a local `.safetensors`, `.pth` or `.pt` file (the latter through `weights_only=True`), or a
            hub id with a `model.safetensors`, such as "timm/resnet50.tv_in1k".

    Raises:
        FileNotFoundError: there is no such file, or the hub cannot be reached; says what to do.
        ValueError: the file does not hold a flat dictionary of tensors.
    """
    path = Path(source).expanduser()
    if path.suffix not in (".safetensors", ".pth", ".pt", ".bin"):
        try:
            path = Path(hf_hub_download(source, "model.safetensors"))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise FileNotFoundError(
                f"ImageNet weights {source!r} could not be had from the hub ({error}). Give the path of a "
                "local ResNet-50 file (.safetensors or .pth) as `pretrained`, or None to start untrained."
            ) from error
    if not path.is_file():
        raise FileNotFoundError(
            f"ImageNet weights {path} do not exist. Download torchvision's resnet50 file there, or name a "
            f"hub id such as {HUB_ID!r}."
        )
    state = load_file(path) if path.suffix == ".safetensors" else torch.load(
        path, map_location="cpu", weights_only=True
    )  # fmt: skip
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no plain dictionary of tensors; save a `state_dict()` alone.")
    return dict(state)


def load_imagenet(backbone: TwoStreamResNet50, source: str) -> None:
    """Start both stems, with what layers they have of their own, and the shared layers from one ImageNet ResNet-50.

    Raises:
        FileNotFoundError, ValueError: see `read_weights`; also ValueError for keys that are missing,
            unknown or of another shape, naming them.
    """
    state = {
        name: tensor
        for name, tensor in read_weights(source).items()
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
