"""A branch that is alone is merged into its layer while training; the sums and the gradients are the same."""

import pytest
import torch
from torch import nn

from vireid_lib.generators.dive.lora import BranchedLayer, Selector


def layer_of(base: nn.Module, branches: int) -> BranchedLayer:
    """With a correction that is not zero, the same in each branch."""
    draw = torch.Generator().manual_seed(1)
    layer = BranchedLayer(base.requires_grad_(False), branches, 3, Selector(), draw)
    with torch.no_grad():
        layer.down[:] = torch.randn(layer.down[0].shape, generator=torch.Generator().manual_seed(2))
        layer.up[:] = torch.randn(layer.up[0].shape, generator=torch.Generator().manual_seed(3))
    layer.selector.chosen = torch.zeros(4, dtype=torch.int64)
    return layer


@pytest.mark.parametrize(("base", "shape"), [
    (nn.Linear(6, 5), (4, 7, 6)), (nn.Linear(6, 5, bias=False), (4, 6)),
    (nn.Conv2d(6, 5, 3, stride=2, padding=1), (4, 6, 8, 8)), (nn.Conv2d(6, 5, 1), (4, 6, 4, 4)),
])  # fmt: skip
def test_merged_equals_separate(base, shape):
    found = []
    for branches in (1, 2):  # of two, the first is chosen for all: that way is separate
        layer, x = layer_of(base, branches), torch.randn(shape, generator=torch.Generator().manual_seed(4))
        x.requires_grad_(True)
        out = layer(x)
        out.square().sum().backward()
        found.append([out, x.grad, layer.down.grad[0], layer.up.grad[0]])
    for merged, separate in zip(*found, strict=True):
        torch.testing.assert_close(merged, separate, atol=1e-4, rtol=1e-4)


def test_in_half_precision_a_small_correction_still_counts():
    layer = layer_of(nn.Linear(6, 5, bias=False), 1)
    with torch.no_grad():
        layer.base.weight.fill_(1.0)
        layer.up *= 1e-4  # far below bf16's step at 1: added to the weight, it would be rounded away
    x = torch.tensor([1.0, -1.0] * 3).expand(4, 7, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert (layer(x) != 0).any()
        assert (nn.functional.linear(x, layer.base.weight + layer.delta(0)) == 0).all()
