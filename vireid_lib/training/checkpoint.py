"""Atomic checkpoints: tensors as safetensors, everything else as JSON, never pickle."""

import json
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vireid_lib import disk
from vireid_lib.data.contents import file_digest, sweep, written_aside
from vireid_lib.data.text import read_json

KEPT = 2  # checkpoints left on disk: the newest and the one before it, should the newest turn out unreadable
TENSORS, META = "tensors.safetensors", "meta.json"


class NoneReadable(RuntimeError):
    """There are checkpoints and all are damaged; the message names them and the remedy."""


class NotWritten(OSError):
    """A checkpoint could not be written; the message says which one holds instead."""


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Path:
    """Write `folder/step-<step>`, of so many completed steps, so that it either exists in full or not at all; the two
    newest stay. Raises TypeError: `meta` holds something that JSON cannot. Raises NotWritten: the disk is full, say;
    the checkpoints before this one are untouched.

    Tensors of any dtypes, shapes and devices come back on the CPU, bit for bit, in the same memory format
    (channels_last matters: optimisers walk memory in its order).
    """
    folder, final = Path(folder), Path(folder) / f"step-{step:08d}"
    try:
        sweep(folder, older_than=0)  # what a process that was killed while it wrote has left
        with written_aside(final) as temporary:
            temporary.mkdir()
            # Row-major, with storage of their own: as safetensors wants them.
            plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
            save_file(plain, temporary / TENSORS)
            channels_last = [name for name, tensor in tensors.items() if _is_channels_last(tensor)]
            digest = file_digest(temporary / TENSORS)
            record = {"step": step, "sha256": digest, "channels_last": channels_last, "meta": dict(meta)}
            (temporary / META).write_text(json.dumps(record))
            for place in (temporary / TENSORS, temporary / META, temporary):
                _fsync(place)
            shutil.rmtree(final, ignore_errors=True)
        _fsync(folder)
        for old in _complete(folder)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return final
    except (OSError, SafetensorError) as error:
        intact = "".join(f"{path.name} before it is intact. " for path in _complete(folder)[:1])
        needed = sum(tensor.nbytes for tensor in tensors.values())
        remedy = disk.in_words(folder, needed) if disk.is_full(error) else "Make room and run the same again."
        what = f"The checkpoint of step {step} could not be written to {folder}: {error}."
        raise NotWritten(f"{what} {intact}{remedy}") from error


def load(folder: Path) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
    """(step, tensors, meta) of the newest readable checkpoint in `folder`, or None when there is none.

    A damaged checkpoint is passed over with a warning that names it. Raises NoneReadable when checkpoints
    exist and none can be read: starting again from step 0 would silently throw the work away.
    """
    damaged = []
    for path in _complete(Path(folder)):
        try:
            record = read_json(path / META)
            step, meta, channels_last = record["step"], record["meta"], record["channels_last"]
            if file_digest(path / TENSORS) != record["sha256"]:
                raise ValueError("its tensors do not match their recorded digest")
            tensors = load_file(path / TENSORS)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            damaged.append(f"{path}: {error}")
            continue
        if damaged:
            warnings.warn(f"Damaged checkpoint passed over, continuing from {path}: {damaged}", stacklevel=2)
        for name in channels_last:
            tensors[name] = tensors[name].contiguous(memory_format=torch.channels_last)
        return step, tensors, meta
    if damaged:
        raise NoneReadable(f"No checkpoint in {folder} can be read ({'; '.join(damaged)}). Delete it to train anew.")
    return None


def pack_state(state: Any) -> tuple[dict[str, Tensor], Any]:
    """Split a nested state (an optimiser's `state_dict()`, say) into named tensors and a JSON skeleton.

    Tuples and integer keys survive the round trip through `unpack_state`. Raises TypeError, naming the
    place, for values that are neither tensors, containers nor JSON scalars.
    """
    tensors: dict[str, Tensor] = {}

    def walk(value: Any, place: str) -> Any:
        if isinstance(value, Tensor):
            tensors[place] = value
            return {"tensor": place}
        if isinstance(value, Mapping):
            return {"dict": [[key, walk(inner, f"{place}.{key}")] for key, inner in value.items()]}
        if isinstance(value, tuple | list):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [walk(inner, f"{place}.{index}") for index, inner in enumerate(value)]}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(f"state at {place!r} is a {type(value).__name__}: keep tensors and plain values only")

    return tensors, walk(state, "state")


def unpack_state(tensors: Mapping[str, Tensor], skeleton: Any) -> Any:
    """The nested state that `pack_state` took apart."""
    if not isinstance(skeleton, Mapping):
        return skeleton
    ((kind, content),) = skeleton.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: unpack_state(tensors, inner) for key, inner in content}
    items = [unpack_state(tensors, inner) for inner in content]
    return tuple(items) if kind == "tuple" else items


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)


def _complete(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first. The rename that makes them is atomic, so each one is complete."""
    return sorted(folder.glob("step-*"), reverse=True)


def _fsync(path: Path) -> None:
    """Force a file or folder to disk: after a power cut, a renamed folder must not hold empty files."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
