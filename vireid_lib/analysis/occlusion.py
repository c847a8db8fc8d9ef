"""Occlusion: cover an image piece by piece and see how much of a similarity each piece carries."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@torch.no_grad()
def occlusion(
    network: nn.Module,
    images: Float[Tensor, "images 3 height width"],
    modality: str,
    towards: Float[Tensor, "images dim"],
    *,
    cells: tuple[int, int] = (8, 4),
) -> Float[Tensor, "images rows columns"]:
    """How much the cosine similarity to `towards` drops when a cell is covered by the image's mean (Zeiler and
    Fergus 2014): what the network *does*, at the price of a pass per cell. Negative where covering helps.

    Args:
        network: has `features(images, modality)`; used in evaluation mode, its mode left as it was.
        images: the network's normalised input, on its device.
        towards: features of the images compared with.
        cells: rows and columns of the grid; they need not divide the image's size.
    """
    training = network.training
    network.eval()
    try:
        whole = _similarity(network, images, modality, towards)
        cover = images.mean((2, 3), keepdim=True)
        drops = torch.empty(len(images), *cells)
        sizes = zip(images.shape[2:], cells, strict=True)
        lines, posts = (np.linspace(0, size, count + 1).round().astype(int) for size, count in sizes)
        for row in range(cells[0]):
            for column in range(cells[1]):
                covered = images.clone()
                covered[:, :, lines[row] : lines[row + 1], posts[column] : posts[column + 1]] = cover
                drops[:, row, column] = whole - _similarity(network, covered, modality, towards)
    finally:
        network.train(training)
    return drops


def _similarity(network: nn.Module, images: Tensor, modality: str, towards: Tensor) -> Float[Tensor, " images"]:
    return functional.cosine_similarity(network.features(images, modality), towards, dim=1).cpu()


def agreement(one: Float[Tensor, "images h w"], other: Float[Tensor, "images h2 w2"]) -> Float[Tensor, " images"]:
    """Correlation over places of two heat maps of each image, the first averaged to the second's grid; NaN where a
    map is constant."""
    pooled = functional.adaptive_avg_pool2d(one[:, None], other.shape[1:])[:, 0].flatten(1)
    first, second = (maps - maps.mean(1, keepdim=True) for maps in (pooled, other.flatten(1)))
    return (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))
