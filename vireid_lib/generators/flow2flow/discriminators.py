"""The adversaries: image encoders and modality discriminators (Flow2Flow, section IV-A)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.networks import draw_weights


class ImageEncoder(nn.Module):
    """Four convolutions to 8 · `width` values of unit length, averaged over the image.

    Kernels of 4, strides 2, 2, 2, 1, instance normalisation: the release's; the paper says how many layers.

    Args:
        weights: the first ones, "normal" with a deviation of 0.02, as released, or "torch"'s own.
    """

    def __init__(self, width: int = 64, weights: Literal["normal", "torch"] = "normal") -> None:
        super().__init__()
        self.layers = _layers(width)
        if weights == "normal":
            self.apply(draw_weights)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return functional.normalize(self.layers(images).mean((2, 3)), dim=1)


class ModalityDiscriminator(nn.Module):
    """The same with a fifth convolution, to one score per image: 1 for real images of the modality."""

    def __init__(self, width: int = 64, weights: Literal["normal", "torch"] = "normal") -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layers(width), nn.Conv2d(8 * width, 1, 4, stride=1, padding=1))
        if weights == "normal":
            self.apply(draw_weights)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, " batch"]:
        return self.layers(images).mean((1, 2, 3))


def _layers(width: int) -> nn.Sequential:
    layers, channels = [], 3
    for place, factor in enumerate((1, 2, 4, 8)):
        layers.append(nn.Conv2d(channels, factor * width, 4, stride=1 if factor == 8 else 2, padding=1))
        layers += [nn.InstanceNorm2d(factor * width)] if place else []
        layers.append(nn.LeakyReLU(0.2))
        channels = factor * width
    return nn.Sequential(*layers)
