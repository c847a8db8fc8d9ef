"""What makes and judges images in JSIA-ReID: style encoder, decoder, multi-scale discriminator (section 3.1)."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.layers import AdaptiveBlock, Convolution, MapNorm, Maps
from vireid_lib.generators.networks import draw_weights

Images = Float[Tensor, "batch 3 height width"]
Styles = Float[Tensor, "batch style"]
leaky = partial(functional.leaky_relu, negative_slope=0.2)


class StyleEncoder(nn.Module):
    """Images in -1..1 to their modality-specific features: a convolution of 7, strided ones of 4 of which the first two
    double the channels, the mean over the map, a linear layer."""

    def __init__(self, *, width: int, downsamplings: int, style: int) -> None:
        super().__init__()
        layers = [Convolution(3, width, 7, padding=3)]
        for place in range(downsamplings):
            out = 2 * width if place < 2 else width
            layers.append(Convolution(width, out, 4, stride=2, padding=1))
            width = out
        self.layers, self.style = nn.Sequential(*layers), nn.Linear(width, style)

    def forward(self, images: Images) -> Styles:
        return self.style(self.layers(images).mean((2, 3)))


class Decoder(nn.Module):
    """Modality-invariant maps and a style to images in -1..1.

    Args:
        channels: of the maps; halved at each upsampling.
        blocks: residual blocks with AdaIN, whose parameters an MLP of three layers makes of the style.
    """

    def __init__(self, channels: int, *, style: int, blocks: int, upsamplings: int, mlp_width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AdaptiveBlock(channels) for _ in range(blocks))
        self.mlp = nn.Sequential(
            nn.Linear(style, mlp_width),
            nn.ReLU(),
            nn.Linear(mlp_width, mlp_width),
            nn.ReLU(),
            nn.Linear(mlp_width, blocks * 4 * channels),
        )
        ups = []
        for _ in range(upsamplings):
            norm = MapNorm(channels // 2)
            ups += [nn.Upsample(scale_factor=2), Convolution(channels, channels // 2, 5, padding=2, norm=norm)]
            channels //= 2
        self.ups = nn.Sequential(*ups, Convolution(channels, 3, 7, padding=3, activation=torch.tanh))

    def forward(self, maps: Maps, styles: Styles) -> Images:
        parameters = self.mlp(styles).view(len(styles), len(self.blocks), 2, 2, -1)
        for block, own in zip(self.blocks, parameters.unbind(1), strict=True):
            maps = block(maps, own)
        return self.ups(maps)


class MultiScaleDiscriminator(nn.Module):
    """A score for each patch of an image, and of the image at half its size, and so on: 1 for real ones."""

    def __init__(self, *, width: int = 32, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_judge(width, layers) for _ in range(scales))
        self.apply(draw_weights)

    def forward(self, images: Images) -> list[Float[Tensor, "batch 1 rows columns"]]:
        scores = []
        for scale in self.scales:
            scores.append(scale(images))
            images = functional.avg_pool2d(images, 3, 2, 1, count_include_pad=False)
        return scores


def _judge(width: int, layers: int) -> nn.Sequential:
    convolutions, channels = [], 3
    for place in range(layers):
        out = width * 2**place
        convolutions.append(Convolution(channels, out, 4, stride=2, padding=1, activation=leaky))
        channels = out
    return nn.Sequential(*convolutions, nn.Conv2d(channels, 1, 1))


def make_style_encoder(config: JsiaConfig) -> StyleEncoder:
    """A fresh style encoder."""
    return StyleEncoder(width=config.style_width, downsamplings=config.style_downsamplings, style=config.style_dim)


def make_decoder(config: JsiaConfig, channels: int) -> Decoder:
    """A fresh decoder of maps with so many channels."""
    return Decoder(
        channels,
        style=config.style_dim,
        blocks=config.decoder_blocks,
        upsamplings=config.upsamplings,
        mlp_width=config.mlp_width,
    )


def make_judge(config: JsiaConfig) -> MultiScaleDiscriminator:
    """A fresh discriminator."""
    return MultiScaleDiscriminator(width=config.judge_width, layers=config.judge_layers, scales=config.judge_scales)
