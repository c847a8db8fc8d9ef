"""A frozen layer and its low-rank correction as one operation, y = W x + B A x, with its gradients written out.

Left to autograd, the correction is operations beside the layer's own, whose results are stored, added and split again;
for W + B A in one product it would compute the gradient of all of W, to keep a fraction. Here what is added is added in
place, nothing is computed for W, which is frozen, and each sample has an A and B of its own: samples of several
branches share a batch, at the cost of one.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input


class CorrectedLinear(torch.autograd.Function):
    """y = W x + b + B_i A_i x for sample i.

    Args of `apply`:
        x: [n, length, in].
        weight, bias: the frozen W [out, in] and b [out], or None for b.
        down: A of each sample [n, rank, in].
        up: B of each sample [n, out, rank].
    """

    @staticmethod
    def forward(ctx, x, weight, bias, down, up) -> Float[Tensor, "n length out"]:
        low = torch.bmm(x, down.mT)
        ctx.save_for_backward(x, weight, down, up, low)
        return functional.linear(x, weight, bias).baddbmm_(low, up.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, weight, down, up, low = ctx.saved_tensors
        grad_low = torch.bmm(grad, up)
        grad_x = (grad @ weight).baddbmm_(grad_low, down) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, torch.bmm(grad_low.mT, x), torch.bmm(grad.mT, low)


class Geometry(NamedTuple):
    """How a convolution's kernel moves, as in `torch.nn.functional.conv2d`."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]


class CorrectedConvolution(torch.autograd.Function):
    """y = W * x + b + B_i (A_i * x) for sample i; A has W's kernel size and geometry, B is 1 × 1.

    A * x is computed as a product of matrices, each pixel by each tap of the kernel, whose results are then shifted
    and added (`functional.fold`): cheap, since there are only `rank` channels to shift, and each sample can have its
    own A, which a convolution of the batch can't.

    Args of `apply`:
        x: [n, in, height, width].
        weight, bias: the frozen W [out, in, kernel height, kernel width] and b [out], or None for b.
        taps: A of each sample as `to_taps` writes it [n, rank * kernel, in].
        up: B of each sample [n, out, rank].
        geometry: of W and A.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, taps, up, geometry) -> Float[Tensor, "n out h w"]:
        flat, ctx.geometry = x.flatten(2), geometry
        low = _shift(torch.bmm(taps, flat), x.shape[2:], weight.shape[2:], geometry)
        ctx.save_for_backward(x, weight, taps, up, low)
        y = functional.conv2d(x, weight, bias, *geometry)
        y.view(*y.shape[:2], -1).baddbmm_(up, low.flatten(2))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, weight, taps, up, low = ctx.saved_tensors
        flat = grad.flatten(2)
        grad_low = torch.bmm(up.mT, flat).view_as(low)
        grad_taps = _shift_back(grad_low, x.shape[2:], weight.shape[2:], ctx.geometry)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = conv2d_input(x.shape, weight, grad, *ctx.geometry)
            grad_x.view(*x.shape[:2], -1).baddbmm_(taps.mT, grad_taps)
        return (grad_x, None, None, torch.bmm(grad_taps, x.flatten(2).mT), torch.bmm(flat, low.flatten(2).mT), None)


def to_taps(kernel: Float[Tensor, "branches rank in h w"]) -> Float[Tensor, "branches rank_h_w in"]:
    """Kernels of convolutions as products: a row for each output and tap, the taps in the order of `fold`, which
    scatters what a convolution gathers and so meets them from the other side."""
    return kernel.flip(3, 4).permute(0, 1, 3, 4, 2).flatten(1, 3)


def to_kernel(taps: Float[Tensor, "branches rank_h_w in"], size: tuple[int, int]) -> Float[Tensor, "b r in h w"]:
    """Inverse of `to_taps`."""
    return taps.unflatten(1, (-1, *size)).permute(0, 1, 4, 2, 3).flip(3, 4)


def _whole(size: torch.Size, kernel: torch.Size, geometry: Geometry) -> tuple[list[int], dict]:
    """(height and width of the result before the stride takes its part, arguments of `fold` and `unfold`)."""
    reach = [d * (k - 1) for d, k in zip(geometry.dilation, kernel, strict=True)]
    height_width = [s + 2 * p - r for s, p, r in zip(size, geometry.padding, reach, strict=True)]
    padding = [r - p for r, p in zip(reach, geometry.padding, strict=True)]
    return height_width, {"kernel_size": tuple(kernel), "dilation": geometry.dilation, "padding": padding}


def _shift(products: Tensor, size: torch.Size, kernel: torch.Size, geometry: Geometry) -> Float[Tensor, "n rank h w"]:
    """The sum over a kernel's taps, each moved to where it belongs."""
    if kernel.numel() == 1 and geometry.padding == (0, 0):
        whole = products.unflatten(2, size)
    else:
        height_width, how = _whole(size, kernel, geometry)
        whole = functional.fold(products, height_width, **how)
    return whole[:, :, :: geometry.stride[0], :: geometry.stride[1]]


def _shift_back(grad: Tensor, size: torch.Size, kernel: torch.Size, geometry: Geometry) -> Float[Tensor, "n taps hw"]:
    """The gradient of `_shift`."""
    height_width, how = _whole(size, kernel, geometry)
    if geometry.stride != (1, 1):
        whole = grad.new_zeros(*grad.shape[:2], *height_width)
        whole[:, :, :: geometry.stride[0], :: geometry.stride[1]] = grad
        grad = whole
    if kernel.numel() == 1 and geometry.padding == (0, 0):
        return grad.flatten(2)
    return functional.unfold(grad, **how)
