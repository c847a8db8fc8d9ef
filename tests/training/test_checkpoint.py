"""Checkpoints: exact round trips, and how many are kept."""

import pytest
import torch

from vireid_lib.training import checkpoint


def test_round_trip_keeps_values_dtypes_and_memory_format(tmp_path):
    shared = torch.rand(4, 4)
    tensors = {
        "half": torch.rand(3).bfloat16(),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 2),
        "last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "row": shared[1],
        "turned": shared.t(),
        "whole": shared,
    }
    checkpoint.save(tmp_path, 12, tensors, {"note": [1, None, 0.1]})
    step, loaded, meta = checkpoint.load(tmp_path)
    assert step == 12 and meta == {"note": [1, None, 0.1]}
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype
    assert loaded["last"].is_contiguous(memory_format=torch.channels_last)


def test_nested_state_round_trip():
    state = {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"betas": (0.9, 0.1 + 0.2), "name": None}]}
    tensors, skeleton = checkpoint.pack_state(state)
    back = checkpoint.unpack_state(tensors, skeleton)
    assert back["state"][0]["step"] == 3.0 and back["groups"] == state["groups"]
    with pytest.raises(TypeError, match="state.a.0' is a object"):
        checkpoint.pack_state({"a": [object()]})


def test_two_newest_are_kept(tmp_path):
    for step in (1, 2, 10):
        checkpoint.save(tmp_path, step, {"x": torch.tensor(step)}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]
    checkpoint.save(tmp_path, 10, {"x": torch.tensor(11)}, {})  # the same step again replaces it
    assert checkpoint.load(tmp_path)[1]["x"] == 11
