"""Weights that somebody else trained: from a local file or the Hugging Face hub, never unpickled."""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import load_file
from torch import Tensor

FILES = (".safetensors", ".pth", ".pt", ".bin")
ON_THE_HUB = "model.safetensors"


def read_weights(source: str, what: str, remedy: str) -> dict[str, Tensor]:
    """Tensors by name.

    Args:
        source: a local file (`.safetensors`, or through `weights_only=True` what torch saved), or a hub id with a
            `model.safetensors`, such as "timm/resnet50.tv_in1k".
        what: whose weights these are, for errors.
        remedy: what to give in their place, for errors.

    Raises:
        FileNotFoundError: there is no such file, or the hub cannot be reached; says the remedy.
        ValueError: the file does not hold a flat dictionary of tensors.
    """
    path = Path(source).expanduser()
    if path.suffix not in FILES and not path.is_file():
        try:
            path = Path(hf_hub_download(source, ON_THE_HUB))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise FileNotFoundError(f"{what} {source!r} could not be had from the hub ({error}). {remedy}") from error
    if not path.is_file():
        raise FileNotFoundError(f"{what} {path} do not exist. {remedy}")
    safe = path.suffix == ".safetensors"
    state = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no plain dictionary of tensors; save a `state_dict()` alone.")
    return dict(state)
