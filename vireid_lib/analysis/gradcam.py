"""Grad-CAM++ for retrieval: which places of an image make it similar to another one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 1e-12


def extent(heat: Float[Tensor, "images h w"]) -> Float[Tensor, " images"]:
    """How much of an image takes part in its heat map: (Σh)² / (N Σh²) over its N places.

    1 is a map that is the same everywhere, 1/N a single place; NaN for a map of zeros.
    """
    total, squares = heat.sum((1, 2)), heat.square().sum((1, 2))
    return total.square() / (heat[0].numel() * squares)


def grad_cam_plus_plus(
    network: nn.Module,
    images: Float[Tensor, "images 3 height width"],
    modality: str,
    towards: Float[Tensor, "images dim"],
) -> tuple[Float[Tensor, "images h w"], Float[Tensor, " images"]]:
    """Heat maps of the places that raise each image's cosine similarity to a given feature.

    Grad-CAM++ (Chattopadhay et al. 2018, eqs. 10, 13 and 19) explains a class score; a retrieval has none, so
    the score here is the cosine similarity to `towards`, the feature of the image that was compared. With A the
    map before pooling and g = ∂score/∂A, the weight of channel c is Σ α·ReLU(g) with
    α = g² / (2g² + g³·Σ A), and the heat is ReLU(Σ_c w_c A_c).

    Args:
        network: has `feature_map` and `describe`, as `reid.network.TwoStreamNetwork`; used in evaluation mode, its
            mode left as it was.
        images: the network's normalised input, on its device.
        towards: features as `network.features` gives them.

    Returns:
        the maps at the resolution of A, each scaled to a largest value of 1 (all 0 where nothing raises the
        similarity), and the similarities; on the CPU.
    """
    training = network.training
    network.eval()
    try:
        with torch.enable_grad():
            maps = network.feature_map(images, modality).detach().requires_grad_(True)
            features = network.describe(maps)
            similarity = functional.cosine_similarity(features, towards.to(features), dim=1)
            (gradient,) = torch.autograd.grad(similarity.sum(), maps)
    finally:
        network.train(training)
    maps = maps.detach()
    squares, cubes = gradient**2, gradient**3
    divisor = 2 * squares + cubes * maps.sum((2, 3), keepdim=True)
    share = torch.where(divisor.abs() > SMALLEST, squares / divisor, torch.zeros_like(divisor))
    weights = (share * gradient.relu()).sum((2, 3), keepdim=True)
    heat = (weights * maps).sum(1).relu()
    peak = heat.amax((1, 2), keepdim=True)
    return (heat / peak.clamp(min=SMALLEST)).cpu(), similarity.detach().cpu()
