"""A frozen network held in half precision."""

import pytest
import torch
from torch import nn

from vireid_lib.generators.dive.base_model import frozen_in


@pytest.fixture
def network() -> nn.Module:
    """Two layers, of which the first is frozen."""
    network = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 4))
    network[0].requires_grad_(False)
    return network


@pytest.mark.parametrize("kept_on", [None, "cpu"])
def test_afterwards_it_is_as_it_was(network, kept_on):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(RuntimeError, match="in the middle"), frozen_in(network, torch.bfloat16, kept_on=kept_on):
        assert [layer.weight.dtype for layer in network] == [torch.bfloat16, torch.float32]
        assert (network[0].weight != before["0.weight"]).any()  # rounded: the copy is what is used
        raise RuntimeError("in the middle")
    after = network.state_dict()
    assert all(torch.equal(after[name], value) and after[name].dtype == value.dtype for name, value in before.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_weights_that_wait_in_host_memory_leave_the_gpu(network):
    network.cuda()
    before, held = {name: value.clone() for name, value in network.state_dict().items()}, {}
    for kept_on in (None, "cpu"):
        start = torch.cuda.memory_allocated()
        with frozen_in(network, torch.bfloat16, kept_on=kept_on):
            held[kept_on] = torch.cuda.memory_allocated() - start
        assert torch.cuda.memory_allocated() == start
    assert held[None] > 0 > held["cpu"]
    assert all(value.is_cuda and torch.equal(value, before[name]) for name, value in network.state_dict().items())
