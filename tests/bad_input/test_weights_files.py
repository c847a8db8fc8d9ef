"""Files of weights and base models with one thing wrong: refused by name, never unpickled; see `kinds.yaml`."""

import io
import os
import pickle
import shutil

import torch
from hypothesis import strategies as st
from safetensors.torch import save

from vireid_lib.generators.dive.base_model import EMBEDDED, load_base
from vireid_lib.training.weights import read_weights

ENTERS = "weights"
SUFFIX = st.sampled_from([".safetensors", ".pth", ".pt", ".bin"])
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"


def test_kind(row, tried):
    tried(row, globals()[row["id"]])


def _saved(content, suffix):
    if suffix == ".safetensors":
        return save(content)
    held = io.BytesIO()
    torch.save(content, held)
    return held.getvalue()


def _tensors(draw):
    return {f"layer{number}.weight": torch.full((5, 7), draw(st.floats(-9, 9))) for number in range(3)}


def _refused(folder, data, suffix, *names):
    path = folder / f"own{suffix}"
    if data is not None:
        path.write_bytes(data)
    return lambda: read_weights(str(path), "Weights", "Give a file."), [str(path), *names]


def weights_are_something_else(draw, folder):
    pages = [b"", b"\0" * 999, b"<!DOCTYPE html><html></html>", b"\n<html>", POINTER, b"PK\x03\x04", b"\x1f\x8b\x08"]
    pages += [b"Access denied", b'{"error": "gated"}', b"\x80\x04."]
    return _refused(folder, draw(st.sampled_from(pages)), draw(SUFFIX))


def weights_are_cut(draw, folder):
    suffix = draw(SUFFIX)
    data = _saved(_tensors(draw), suffix)
    return _refused(folder, data[: int(len(data) * draw(st.floats(0.02, 0.95)))], suffix)


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def weights_are_a_program(draw, folder):
    """Whoever unpickles it makes a folder where the shell is, which would be seen."""
    content = {"weight": torch.ones(2), "trap": Trap()}
    data = pickle.dumps(content) if draw(st.booleans()) else _saved(content, ".pth")
    return _refused(folder, data, draw(st.sampled_from([".pth", ".pt", ".bin"])))


def weights_are_not_finite(draw, folder):
    suffix, tensors = draw(SUFFIX), _tensors(draw)
    name = draw(st.sampled_from(sorted(tensors)))
    kind = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    tensors[name] = tensors[name].to(kind)
    tensors[name][draw(st.integers(0, 4)), 2] = draw(st.sampled_from([float("nan"), float("inf")]))
    return _refused(folder, _saved(tensors, suffix), suffix, name)


def _base(folder):
    """A copy of the embedded model; its files are links until they are damaged."""
    for place, _, names in os.walk(EMBEDDED):
        target = folder / "model" / os.path.relpath(place, EMBEDDED)
        target.mkdir(parents=True)
        for name in names:
            (target / name).symlink_to(os.path.join(place, name))
    return folder / "model"


def base_model_has_a_broken_file(draw, folder):
    """Weights that are cut, empty or something else; settings that are no JSON."""
    model, weights = _base(folder), draw(st.booleans())
    parts = "text_encoder/model vae/diffusion_pytorch_model unet/diffusion_pytorch_model".split()
    settings = "vae/config unet/config text_encoder/config scheduler/scheduler_config tokenizer/tokenizer".split()
    path = model / f"{draw(st.sampled_from(parts if weights else settings))}.{'safetensors' if weights else 'json'}"
    data = path.read_bytes()
    left = [b"<html>", data[: len(data) // 3]] if weights else [b"{", b"\xff\xfe{\0}\0"]
    path.unlink()
    path.write_bytes(draw(st.sampled_from([b"", POINTER, *left])))
    return lambda: load_base(str(model)), [str(path)]


def base_model_lacks_a_part(draw, folder):
    """A folder was not copied, or there is none, or its index is missing."""
    model = _base(folder)
    part = draw(st.sampled_from(["vae", "unet", "text_encoder", "scheduler", "tokenizer", "model_index.json"]))
    if part != "model_index.json":
        shutil.rmtree(model / part)
    elif draw(st.booleans()):
        (model / part).unlink()
    else:
        shutil.rmtree(model)
        model.write_bytes(POINTER)
    return lambda: load_base(str(model)), [str(model), part]
