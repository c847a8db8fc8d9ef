"""LPIPS: how different two images look to a network trained on photographs.

Zhang, Isola, Efros, Shechtman, Wang: "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
2018; its VGG-16 variant, version 0.1. Weights are read from files, never fetched unless a hub id is given.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.base.networks import Images

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))  # torchvision's numbers of VGG-16's convolutions
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
TINY = 1e-10
REMEDY = "Give a file, or a hub id such as timm/vgg16.tv_in1k for the features."


class Lpips(nn.Module):
    """Squared differences of VGG's features, each scaled to length one over its channels, weighted by channel,
    averaged over places and summed over five depths. From `features.<number>.weight` and `.bias` of VGG-16 and the
    heads' `lin<depth>.model.1.weight`, a weight for each channel. Raises ValueError: one is missing; names it."""

    def __init__(self, features: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.ModuleList(_convolution(features, f"features.{number}") for number in stage) for stage in STAGES
        )
        for depth in range(len(STAGES)):
            self.register_buffer(f"head{depth}", _of(heads, f"lin{depth}.model.1.weight").view(1, -1, 1, 1))
        self.requires_grad_(False)

    def forward(self, first: Images, second: Images) -> Float[Tensor, ""]:
        """Mean over the batch, of images in -1..1."""
        total = first.new_zeros(())
        for depth, (one, other) in enumerate(zip(self._seen(first), self._seen(second), strict=True)):
            difference = (_unit(one) - _unit(other)).square()
            total = total + (difference * getattr(self, f"head{depth}")).sum(1).mean()
        return total

    def _seen(self, images: Images) -> list[Tensor]:
        shift, scale = (images.new_tensor(values).view(3, 1, 1) for values in (SHIFT, SCALE))
        maps, seen = (images - shift) / scale, []
        for depth, stage in enumerate(self.stages):
            maps = functional.max_pool2d(maps, 2) if depth else maps
            for convolution in stage:
                maps = functional.relu(convolution(maps))
            seen.append(maps)
        return seen


def _of(weights: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in weights:
        raise ValueError(f"The LPIPS weights lack {name}; they have {', '.join(list(weights)[:4])}, ...")
    return weights[name].float()


def _convolution(weights: Mapping[str, Tensor], name: str) -> nn.Conv2d:
    weight, bias = _of(weights, f"{name}.weight"), _of(weights, f"{name}.bias")
    made = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


def _unit(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return maps / (maps.square().sum(1, keepdim=True).sqrt() + TINY)
