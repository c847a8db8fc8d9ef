"""Image-to-image networks that several translators use: CycleGAN's generator and PatchGAN discriminator."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "batch 3 height width"]
DEVIATION = 0.02  # of the initial weights


class ResnetGenerator(nn.Module):
    """Images in -1..1 to images in -1..1 (Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016).

    A convolution of 7, two of stride 2 that double the channels, residual blocks, two transposed convolutions, a
    convolution of 7; reflected borders, instance normalisation. Height and width must be multiples of 4.

    Args:
        width: channels after the first convolution.
        blocks: 9 in the paper, 6 at 128×128 pixels.
    """

    def __init__(self, *, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        layers = _convolution(3, width, 7)
        for channels in (width, 2 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.InstanceNorm2d(2 * channels), nn.ReLU(True)]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1), nn.InstanceNorm2d(channels // 2),
                       nn.ReLU(True)]  # fmt: skip
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(draw_weights)

    def forward(self, images: Images) -> Images:
        return self.layers(images)


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, with no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_convolution(channels, channels, 3), *_convolution(channels, channels, 3)[:-1])

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return maps + self.layers(maps)


class PatchDiscriminator(nn.Module):
    """A score for each patch of 70×70 pixels: 1 for real ones (Isola et al. 2017).

    Args:
        width: channels of the first of the five convolutions.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        for factor, stride in ((1, 2), (2, 2), (4, 1)):
            layers += [nn.Conv2d(factor * width, 2 * factor * width, 4, stride, 1),
                       nn.InstanceNorm2d(2 * factor * width), nn.LeakyReLU(0.2, True)]  # fmt: skip
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        self.apply(draw_weights)

    def forward(self, images: Images) -> Float[Tensor, "batch 1 rows columns"]:
        return self.layers(images)


def draw_weights(module: nn.Module) -> None:
    """Normal with deviation 0.02 for the kernels, 0 for the biases, from torch's global random state."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, DEVIATION)
        nn.init.zeros_(module.bias)


def _convolution(channels: int, out: int, size: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(size // 2), nn.Conv2d(channels, out, size), nn.InstanceNorm2d(out), nn.ReLU(True)]
