"""Weights that somebody else trained: a file, a folder of diffusers or transformers, a model of the Hugging Face hub.

Never unpickled, never taken broken. An error names the file and the remedy, and hands on no advice of other libraries.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file
from torch import Tensor

from vireid_lib.data.contents import file_digest, kept_until_changed, kind_of
from vireid_lib.data.text import TextError, printable, read_json
from vireid_lib.training import hub

FILES = (".safetensors", ".pth", ".pt", ".bin")
ON_THE_HUB = "model.safetensors"

SETTINGS = {"judge_model": "config.json"} | dict.fromkeys(("pretrained", "lpips_features", "lpips_heads"), ON_THE_HUB)
"""Names of the settings, of any configuration, that name weights; a file that a hub id of that kind has. (Base models
have a name besides, and `generators.dive.base_model.fingerprint`.)"""

PIPELINE = ("model_index.json", "scheduler", "text_encoder", "tokenizer", "unet", "vae")
"""What is read of a Stable Diffusion's folder."""

BESIDE = "captioner"  # what the embedded model's folder has besides, and others need not


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message names it, what it is, and the remedy."""


def read_weights(source: str, what: str, remedy: str) -> dict[str, Tensor]:
    """Tensors by name, of a local file (`.safetensors`, or through `weights_only=True` what torch saved), or of a hub
    id with a `model.safetensors`, such as "timm/resnet50.tv_in1k". Raises FileNotFoundError: there is no such file but
    a folder, or the hub cannot be reached; says whose weights these are (`what`) and the remedy. Raises WeightsError:
    the file does not hold a flat dictionary of finite tensors."""
    path = Path(source).expanduser()
    if path.is_dir():
        raise FileNotFoundError(f"{what} {path} are a folder: give the file in it. {remedy}")
    if path.suffix not in FILES and not path.is_file():
        try:
            path = hub.held(source, ON_THE_HUB) or Path(hf_hub_download(source, ON_THE_HUB))
        except Exception as error:
            words = f"{what} {source!r} could not be had from the hub. {hub.why_not(source, error)} {remedy}"
            raise FileNotFoundError(words) from None
    if not path.is_file():
        raise FileNotFoundError(f"{what} {path} do not exist. {remedy}")
    state = read_file(path)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no plain dictionary of tensors; save a `state_dict()` alone.")
    refuse_non_finite(state, path)
    return dict(state)


def read_file(path: str | Path) -> Any:
    """What a file of weights holds: tensors by name, or whatever plain values torch saved. Nothing else is unpickled.
    Raises FileNotFoundError: there is no such file. Raises WeightsError: it cannot be read; says what it is instead, by
    its first bytes."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{printable(path)} does not exist.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its parts stumble over: EOFError, RuntimeError, UnpicklingError, …
        raise WeightsError(f"{printable(path)} {_complaint(path, str(error))}") from None


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Errors as of `read_file`; or WeightsError, a value is not finite."""
    held = read_file(path)
    refuse_non_finite(held, path)
    return held


def refuse_non_finite(tensors: Mapping[str, Tensor], where: object) -> None:
    """Raise WeightsError naming the first tensor with a value that is NaN or infinite."""
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        finite = torch.isfinite(tensor.detach() if tensor.element_size() > 1 else tensor.detach().float())
        if not finite.all():
            raise WeightsError(f"{printable(str(where))}: {name} holds values that are no finite ones: take another.")


def _complaint(path: Path, message: str) -> str:
    """What is wrong with a file that torch or safetensors could not read, to be said after its name.

    Their own messages are not handed on: they advise to switch off what keeps a file's code from being run.
    """
    kind = kind_of(path)
    if kind.startswith("is "):
        return f"{kind}." if ":" in kind else f"{kind}: fetch it again."
    if "TorchScript" in message:
        return "is a TorchScript program, which would have to be run: save its `state_dict()` alone."
    if found := re.search(r"GLOBAL (\S+)", message):
        return (
            f"holds more than tensors and names ({found[1]}) and is not opened, for that would run its code: save a "
            "`state_dict()` alone, or as safetensors."
        )
    words = "no safetensors file" if path.suffix == ".safetensors" else "no file that torch saved"
    return f"is {words}, or is cut short ({path.stat().st_size:,} bytes; it {kind.split(':')[0]}): fetch it again."


def digest(source: str, on_the_hub: str = ON_THE_HUB) -> str | None:
    """What weights a setting means: a sha256 of the file, or of all files of the folder, whatever their format (of a
    diffusers pipeline's, of what is read: `PIPELINE`, `BESIDE`); for a hub id, whose model has the file `on_the_hub`,
    its revision. None where there is neither."""
    path = Path(source).expanduser()
    if path.is_file():
        return _digest(str(path))
    if not path.is_dir():
        return hub.revision(source, on_the_hub)
    names = (*PIPELINE, BESIDE) if (path / PIPELINE[0]).is_file() else ("",)
    files, summary = {file for name in names for file in (path / name, *(path / name).rglob("*"))}, hashlib.sha256()
    for file in sorted(filter(Path.is_file, files)):
        summary.update(f"{file.relative_to(path).as_posix()} {_digest(str(file))}\n".encode())
    return summary.hexdigest()


def digests(settings: object) -> dict[str, str | None]:
    """{"<setting>_weights": `digest`} of each setting in `SETTINGS` that a configuration has and fills."""
    named = {name: getattr(settings, name, None) for name in SETTINGS}
    return {f"{name}_weights": digest(source, SETTINGS[name]) for name, source in named.items() if source is not None}


_digest = kept_until_changed(4096)(file_digest)  # gigabytes are hashed once a process


def explained(
    what: str, name: str, error: Exception, *, folder: Path | None, index: str, parts: Sequence[str] = ()
) -> Exception:
    """The error to raise in place of `error`: names the broken or missing file, or why the hub's model cannot be had,
    without other libraries' advice.

    Args:
        what: the setting that named the model.
        folder: where it lies, None for a model of the hub. index: the file that every such model has.
        parts: files and folders that it consists of, beside one another; empty takes all that lies there.
    """
    place = folder
    if place is None:
        found = hub.held(name, index)
        if found is None:
            return FileNotFoundError(f"{what} {name!r} could not be had from the hub. {hub.why_not(name, error)}")
        place = found.parent
    for part in parts or ("",):
        for file in sorted([place / part, *(place / part).rglob("*")]):
            if complaint := _broken(file):
                return WeightsError(f"{what} {name!r} cannot be loaded: {complaint}")
    if lacking := [part for part in dict.fromkeys((index, *parts)) if not (place / part).exists()]:
        remedy = "copy the whole folder." if folder is not None else hub.why_not(name, error)
        return FileNotFoundError(f"{what} {name!r} lacks {', '.join(lacking)} in {place}: {remedy}")
    lines = printable(str(error)).strip().splitlines() or [type(error).__name__]
    reason = f"{type(error).__name__}: {lines[0]}" if not hub.advises(lines[0]) else type(error).__name__
    return ValueError(f"{what} {name!r} in {place} cannot be loaded ({reason}): copy or fetch it again, whole.")


def _broken(file: Path) -> str:
    """What is wrong with one file of a model, "" if nothing is."""
    read = read_json if file.suffix == ".json" else read_file if file.suffix in FILES else None
    try:
        if read is not None and file.is_file():
            read(file)
    except (TextError, WeightsError) as error:
        return str(error)
    return ""
