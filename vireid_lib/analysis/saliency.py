"""Which places of an image make it similar to another one: Grad-CAM++ for retrieval, and occlusion."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.reid.features import evaluating

Images, Features = Float[Tensor, "images 3 height width"], Float[Tensor, "images dim"]

SMALLEST = 1e-12


def grad_cam_plus_plus(
    network: nn.Module, images: Images, modality: str, towards: Features
) -> tuple[Float[Tensor, "images h w"], Float[Tensor, " images"]]:
    """Heat maps of the places that raise each image's cosine similarity to `towards`, the feature (as
    `network.features` gives it) of the image that it was compared with; and the similarities; on the CPU.

    Grad-CAM++ (Chattopadhay et al. 2018, eqs. 10, 13 and 19) explains a class score; a retrieval has none, so the score
    here is the similarity. With A the map before pooling and g = ∂score/∂A, the weight of channel c is Σ α·ReLU(g) with
    α = g² / (2g² + g³·Σ A), and the heat is ReLU(Σ_c w_c A_c), at the resolution of A, scaled to a largest value of 1
    (all 0 where nothing raises the similarity). `images` are the network's normalised input, on its device; the network
    has `feature_map` and `describe`, as `reid.layers.network.TwoStreamNetwork`; its mode is left as it was."""
    with evaluating(network), torch.enable_grad():
        maps = network.feature_map(images, modality).detach().requires_grad_(True)
        features = network.describe(maps)
        similarity = functional.cosine_similarity(features, towards.to(features), dim=1)
        (gradient,) = torch.autograd.grad(similarity.sum(), maps)
    maps = maps.detach()
    squares, cubes = gradient**2, gradient**3
    divisor = 2 * squares + cubes * maps.sum((2, 3), keepdim=True)
    share = torch.where(divisor.abs() > SMALLEST, squares / divisor, 0.0)
    weights = (share * gradient.relu()).sum((2, 3), keepdim=True)
    heat = (weights * maps).sum(1).relu()
    peak = heat.amax((1, 2), keepdim=True)
    return (heat / peak.clamp(min=SMALLEST)).cpu(), similarity.detach().cpu()


@torch.no_grad()
def occlusion(
    network: nn.Module, images: Images, modality: str, towards: Features, *, cells: tuple[int, int] = (8, 4)
) -> Float[Tensor, "images rows columns"]:
    """How much the cosine similarity to `towards` drops when a cell of a grid of rows and columns, which need not
    divide the image's size, is covered by the image's mean (Zeiler and Fergus 2014): what the network *does*, at the
    price of a pass per cell. Negative where covering helps. Arguments as in `grad_cam_plus_plus`."""

    def similarity(shown: Tensor) -> Tensor:
        return functional.cosine_similarity(network.features(shown, modality), towards, dim=1).cpu()

    with evaluating(network):
        whole, drops = similarity(images), torch.empty(len(images), *cells)
        cover = images.mean((2, 3), keepdim=True)
        sizes = zip(images.shape[2:], cells, strict=True)
        lines, posts = (np.linspace(0, size, count + 1).round().astype(int) for size, count in sizes)
        for row, column in np.ndindex(*cells):
            covered = images.clone()
            covered[:, :, lines[row] : lines[row + 1], posts[column] : posts[column + 1]] = cover
            drops[:, row, column] = whole - similarity(covered)
    return drops
