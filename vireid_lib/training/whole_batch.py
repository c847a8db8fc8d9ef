"""How processes that part one batch train as one does: rows, means and statistics of all of it, with their gradients.

Each process takes every n-th row of the batch, and steps along the mean of all processes' gradients. A loss that is a
mean over images then needs nothing more. What else depends on several images at once takes `rows` or `mean`, and batch
normalisation `share_statistics`. Alone, all of this does nothing.
"""

from functools import partial

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vireid_lib.training import processes


def part(whole: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "part ..."]:
    """This process's rows of what has a row for each image of the batch."""
    return whole[processes.index() :: processes.count()]


def rows(own: Shaped[Tensor, "part ..."]) -> Shaped[Tensor, "batch ..."]:
    """The rows of all processes in the batch's order; the inverse of `part`."""
    return own if processes.count() == 1 else _Gather.apply(own).transpose(0, 1).flatten(0, 1)


def mean(own: Float[Tensor, "*dims"]) -> Float[Tensor, "*dims"]:
    """The mean of the processes' values."""
    return own if processes.count() == 1 else _Gather.apply(own).mean(0)


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """Put the mean of the processes' gradients in the place of this one's. All have a gradient of the same ones."""
    if processes.count() > 1:
        held = [each.grad for each in parameters if each.grad is not None]
        joined = torch.cat([gradient.flatten() for gradient in held])
        torch.distributed.all_reduce(joined)
        for gradient, own in zip(held, joined.split([each.numel() for each in held]), strict=True):
            gradient.copy_(own.view_as(gradient) / processes.count())


def share_statistics(module: nn.Module) -> None:
    """Let batch normalisation in a module that is trained take the statistics of the whole batch."""
    for each in module.modules():
        if isinstance(each, _BatchNorm) and processes.count() > 1:
            each.forward = partial(normalise, each)


def unshare_statistics(module: nn.Module) -> None:
    """Undo `share_statistics`."""
    for each in module.modules():
        if isinstance(each, _BatchNorm):
            vars(each).pop("forward", None)


def normalise(norm: _BatchNorm, maps: Float[Tensor, "part channels *dims"]) -> Float[Tensor, "part channels *dims"]:
    """What `norm` makes of the maps; in training with mean and variance of all processes' rows, of which each has as
    many. (torch's own layer for this is for GPUs alone.)"""
    if not norm.training:
        return type(norm).forward(norm, maps)
    axes, shape = [0, *range(2, maps.dim())], (1, -1, *(1,) * (maps.dim() - 2))
    values = maps if maps.dtype == torch.float64 else maps.float()
    average = mean(values.mean(axes))
    centred = values - average.view(shape)
    variance = mean(centred.square().mean(axes))
    with torch.no_grad():
        count = maps.numel() / maps.shape[1] * processes.count()
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(average, norm.momentum)
        norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
    normal = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        normal = normal * norm.weight.view(shape) + norm.bias.view(shape)
    return normal.to(maps.dtype)


class _Gather(torch.autograd.Function):
    """Every process's tensor, stacked. Backwards: the sum of what all processes ask of this one's. (torch's own
    `distributed.nn.functional.all_gather` is deprecated.)"""

    @staticmethod
    def forward(ctx, own: Tensor) -> Tensor:
        held = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(processes.count())]
        torch.distributed.all_gather(held, own.contiguous())
        return torch.stack(held)

    @staticmethod
    def backward(ctx, slopes: Tensor) -> Tensor:
        slopes = slopes.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(slopes)
        return slopes[processes.index()]
