"""Branches of a layer, (W + B_k A_k) x, and of a norm, s_k norm(x) + h_k: each sample has its own. And gradients."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from vireid_lib.generators.dive.base_model import frozen_in
from vireid_lib.generators.dive.lora import BranchedLayer, BranchedNorm, Selector

LAYERS = [
    (nn.Linear(6, 5), (4, 7, 6)),
    (nn.Linear(6, 5, bias=False), (4, 6)),
    (nn.Conv2d(6, 5, 1), (4, 6, 4, 4)),
    (nn.Conv2d(6, 5, 1, stride=2), (4, 6, 4, 5)),
    (nn.Conv2d(6, 5, 3, padding=1), (4, 6, 8, 5)),
    (nn.Conv2d(6, 5, 3, stride=2, padding=1, bias=False), (4, 6, 8, 9)),
    (nn.Conv2d(6, 5, (3, 5), stride=(1, 3), padding=(2, 0), dilation=(2, 1)), (4, 6, 9, 20)),
]


def layer_of(base: nn.Module, branches: int) -> BranchedLayer:
    """In double precision, with corrections that are not zero."""
    draw = torch.Generator().manual_seed(1)
    layer = BranchedLayer(base.requires_grad_(False), branches, 3, Selector(), draw).double()
    with torch.no_grad():
        layer.up.normal_(generator=draw)
    layer.selector.chosen = torch.tensor([2, 0, 2, 1]) % branches
    return layer


def separately(layer: BranchedLayer, x: torch.Tensor) -> torch.Tensor:
    """Sample by sample, with the layer's weight and its correction added up."""
    base, results = layer.base, []
    for sample, branch in zip(x, layer.selector.chosen.tolist(), strict=True):
        weight = base.weight + layer.delta(branch)
        if isinstance(base, nn.Conv2d):
            result = functional.conv2d(sample[None], weight, base.bias, base.stride, base.padding, base.dilation)
        else:
            result = functional.linear(sample[None], weight, base.bias)
        results.append(result)
    return torch.cat(results)


@pytest.mark.parametrize("branches", [1, 3])
@pytest.mark.parametrize(("base", "shape"), LAYERS)
def test_equals_the_sum_of_weights(base, shape, branches):
    layer, found = layer_of(base, branches), []
    for compute in (layer, lambda x: separately(layer, x)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64).requires_grad_(True)
        layer.zero_grad()
        out = compute(x)
        (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
        found.append([out, x.grad, layer.down.grad.clone(), layer.up.grad.clone()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("base", [nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(6, 5, 1)])
def test_channels_may_lie_innermost(base):
    """In a network that was moved to that order: what is added in place must reach the result all the same."""
    layer = layer_of(base, 3)
    x = torch.randn(4, 6, 8, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    expected = separately(layer, x)
    base.weight.data = base.weight.data.contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_(True)
    torch.testing.assert_close(layer(x), expected)
    layer(x).square().sum().backward()
    inner, x.grad = x.grad, None
    separately(layer, x).square().sum().backward()
    torch.testing.assert_close(inner, x.grad)


@pytest.mark.parametrize("branches", [1, 2])
@pytest.mark.parametrize(
    ("base", "shape"),
    [
        (nn.Linear(6, 5, bias=False), (4, 7, 6)),
        (nn.Conv2d(6, 5, 1, bias=False), (4, 6, 4, 4)),
        (nn.Conv2d(6, 5, 3, bias=False), (4, 6, 3, 3)),
    ],
)
def test_in_half_precision_a_small_correction_still_counts(base, shape, branches):
    layer = layer_of(base, branches).float()
    with torch.no_grad():
        base.weight.fill_(1.0)
        layer.up *= 1e-4  # far below bf16's step at 1: added to the weight, it would be rounded away
    signs = (6, 1, 1) if isinstance(base, nn.Conv2d) else (6,)
    x = torch.tensor([1.0, -1.0] * 3, dtype=torch.bfloat16).view(signs).expand(shape).clone().requires_grad_(True)
    with frozen_in(layer, torch.bfloat16):
        assert (base.weight + layer.delta(0).bfloat16() == base.weight).all()
        out = layer(x)
        assert out.dtype == torch.bfloat16
        out.float().square().sum().backward()
    with torch.no_grad():
        exact = separately(layer, x.float())
    torch.testing.assert_close(out.float(), exact, rtol=0.02, atol=0.02 * float(exact.abs().max()))
    assert exact.abs().min() > 0
    assert layer.down.grad.dtype == layer.up.grad.dtype == base.weight.dtype == torch.float32
    assert layer.up.grad.any()


def norm_of(chosen: list[int]) -> BranchedNorm:
    """Of three branches, with a base that is not the identity."""
    base = nn.GroupNorm(2, 6)
    base.weight.data, base.bias.data = torch.linspace(0.5, 2, 6), torch.linspace(-1, 1, 6)
    norm = BranchedNorm(base.requires_grad_(False), 3, Selector())
    norm.selector.chosen = torch.tensor(chosen)
    return norm


@pytest.mark.parametrize("shape", [(4, 6, 8, 5), (4, 6, 7)])
def test_a_norm_s_branches_equal_separate_norms(shape):
    """Sample by sample: group norms of their own, whose weight and bias have taken up the branch's scale and shift."""
    norm, chosen = norm_of([2, 0, 2, 1]).double(), [2, 0, 2, 1]
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_(True)
    assert torch.equal(norm(x), norm.base(x))
    with torch.no_grad():
        norm.affine.normal_(generator=draw)
    weight = torch.linspace(-1, 2, x.numel()).view_as(x)
    (norm(x) * weight).sum().backward()
    separate = [copy.deepcopy(norm.base).requires_grad_(True) for _ in range(3)]
    for branch, own in enumerate(separate):
        with torch.no_grad():
            for name, tensor in norm.folded(branch).items():
                own.get_parameter(name).copy_(tensor)
    other = x.detach().clone().requires_grad_(True)
    expected = torch.cat([separate[branch](sample[None]) for sample, branch in zip(other, chosen, strict=True)])
    (expected * weight).sum().backward()
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(x.grad, other.grad)
    for gradient, own in zip(norm.affine.grad, separate, strict=True):
        # y = (s w) n + (s b + h): by the chain rule, from the gradients of the separate norm's weight and bias
        base = norm.base
        torch.testing.assert_close(gradient[0], own.weight.grad * base.weight + own.bias.grad * base.bias)
        torch.testing.assert_close(gradient[1], own.bias.grad)


@pytest.mark.parametrize("kind", ["layer", "norm"])
def test_a_branch_without_samples_has_no_gradient(kind):
    part = norm_of([0, 2]) if kind == "norm" else layer_of(nn.Conv2d(6, 5, 3, padding=1), 3).float()
    part.selector.chosen = torch.tensor([0, 2])
    part(torch.randn(2, 6, 4, 4)).square().sum().backward()
    for gradient in (parameter.grad for parameter in part.parameters() if parameter.requires_grad):
        assert [bool(branch.any()) for branch in gradient] == [True, False, True]


def test_in_half_precision_a_small_scale_still_counts():
    norm = norm_of([0, 1, 2])
    with torch.no_grad():
        norm.affine[:, 0] += 3e-3  # below half of bf16's step at 1: rounded to it, no value would change
    x = 100 * torch.randn(3, 6, 32, 32, generator=torch.Generator().manual_seed(1)).bfloat16()
    with frozen_in(norm, torch.bfloat16):
        out = norm(x)
        assert out.dtype == torch.bfloat16 and (out != norm.base(x)).float().mean() > 0.1
        out.float().square().sum().backward()
    torch.testing.assert_close(out.float(), norm(x.float()).detach(), rtol=0.01, atol=0.01)
    assert norm.affine.grad.dtype == norm.base.weight.dtype == torch.float32 and norm.affine.grad.any()
