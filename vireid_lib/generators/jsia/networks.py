"""JSIA-ReID's style encoder, decoder and discriminator (section 3.1), its latent space (3.2), and their layers."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vireid_lib.generators.base.networks import Images, draw_weights

Maps = Float[Tensor, "batch channels height width"]
Styles = Float[Tensor, "batch style"]
Latents = Float[Tensor, "batch latent"]
PerChannel = Float[Tensor, "batch channels"]
EPSILON = 1e-5
HALVINGS = 3
START = -2.0  # τ starts near softplus(-2) = 0.13: with more noise than signal the means would be slow to say anything
leaky = partial(functional.leaky_relu, negative_slope=0.2)


def in_micro_batches(network: Callable[..., Tensor], size: int | None, *inputs: Tensor) -> Tensor:
    """`network(*inputs)`; of more than `size` rows (None: of no batch), so many at once, and the backward pass computes
    each micro-batch again. Only for networks that treat every row by itself: then values and gradients are those of the
    whole batch, up to rounding."""
    if size is None or len(inputs[0]) <= size or not torch.is_grad_enabled():
        return network(*inputs)
    parts = zip(*(each.split(size) for each in inputs), strict=True)
    options = {"use_reentrant": False, "preserve_rng_state": False}  # nothing in these networks is random
    return torch.cat([checkpoint(network, *part, **options) for part in parts])


class Convolution(nn.Module):
    """A convolution with reflected borders of (size − 1) // 2, then a normalisation and an activation, if given."""

    def __init__(self, channels: int, out: int, size: int, *, stride: int = 1, norm=None, activation=functional.relu):
        super().__init__()
        self.norm, self.activation = norm, activation
        self.conv = nn.Conv2d(channels, out, size, stride, (size - 1) // 2, padding_mode="reflect")

    def forward(self, maps: Maps) -> Maps:
        maps = self.conv(maps)
        maps = maps if self.norm is None else self.norm(maps)
        return maps if self.activation is None else self.activation(maps)


class MapNorm(nn.Module):
    """(x − mean) / (deviation + ε) over all values of a sample, then a gain and a shift for each channel. As released:
    the unbiased deviation, ε outside the root; what MUNIT calls layer normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Maps) -> Maps:
        mean, deviation = maps.mean((1, 2, 3), keepdim=True), maps.std((1, 2, 3), keepdim=True)
        return (maps - mean) / (deviation + EPSILON) * self.gamma[:, None, None] + self.beta[:, None, None]


def adaptive_instance_norm(maps: Maps, scale: PerChannel, shift: PerChannel) -> Maps:
    """Each channel of each sample to mean 0 and (biased) variance 1, then times `scale` plus `shift`: AdaIN (Huang and
    Belongie 2017), with what a style says for scale and shift."""
    if len(maps) > 1:
        normal = functional.instance_norm(maps, eps=EPSILON)
    else:  # of a single sample, instance_norm's gradient is wrong on a CPU where it comes in channels_last (torch 2.13)
        mean, variance = maps.mean((2, 3), keepdim=True), maps.var((2, 3), correction=0, keepdim=True)
        normal = (maps - mean) / (variance + EPSILON).sqrt()
    return normal * scale[:, :, None, None] + shift[:, :, None, None]


class AdaptiveBlock(nn.Module):
    """Two 3×3 convolutions with AdaIN beside the identity, no activation after the second."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (Convolution(channels, channels, 3, activation=None) for _ in range(2))

    def forward(self, maps: Maps, parameters: Float[Tensor, "batch 2 2 channels"]) -> Maps:
        """`parameters`: of each of the two norms, shift then scale."""
        (shift, scale), (shift2, scale2) = (norm.unbind(1) for norm in parameters.unbind(1))
        inside = functional.relu(adaptive_instance_norm(self.first(maps), scale, shift))
        return maps + adaptive_instance_norm(self.second(inside), scale2, shift2)


class StyleEncoder(nn.Module):
    """Images in -1..1 to their modality-specific features: a convolution of 7, strided ones of 4 of which the first two
    double the channels, the mean over the map, a linear layer. `micro_batch`: see `in_micro_batches`."""

    def __init__(self, *, width: int, downsamplings: int, style: int, micro_batch: int | None = None) -> None:
        super().__init__()
        self.micro_batch = micro_batch
        layers = [Convolution(3, width, 7)]
        for place in range(downsamplings):
            out = 2 * width if place < 2 else width
            layers.append(Convolution(width, out, 4, stride=2))
            width = out
        self.layers, self.style = nn.Sequential(*layers), nn.Linear(width, style)

    def forward(self, images: Images) -> Styles:
        return in_micro_batches(lambda some: self.style(self.layers(some).mean((2, 3))), self.micro_batch, images)


class Decoder(nn.Module):
    """Modality-invariant maps, of so many channels, and a style to images in -1..1: residual blocks with AdaIN, whose
    parameters an MLP of three layers makes of the style, then upsamplings, each of which halves the channels.
    `micro_batch`: see `in_micro_batches`."""

    def __init__(self, channels: int, *, style: int, blocks: int, upsamplings: int, mlp_width: int, micro_batch=None):
        super().__init__()
        self.micro_batch = micro_batch
        self.blocks = nn.ModuleList(AdaptiveBlock(channels) for _ in range(blocks))
        widths = (style, mlp_width, mlp_width, blocks * 4 * channels)
        layers = [each for pair in pairwise(widths) for each in (nn.Linear(*pair), nn.ReLU())]
        self.mlp, ups = nn.Sequential(*layers[:-1]), []
        for _ in range(upsamplings):
            norm = MapNorm(channels // 2)
            ups += [nn.Upsample(scale_factor=2), Convolution(channels, channels // 2, 5, norm=norm)]
            channels //= 2
        self.ups = nn.Sequential(*ups, Convolution(channels, 3, 7, activation=torch.tanh))

    def forward(self, maps: Maps, styles: Styles) -> Images:
        return in_micro_batches(self._images, self.micro_batch, maps, styles)

    def _images(self, maps: Maps, styles: Styles) -> Images:
        parameters = self.mlp(styles).view(len(styles), len(self.blocks), 2, 2, -1)
        for block, own in zip(self.blocks, parameters.unbind(1), strict=True):
            maps = block(maps, own)
        return self.ups(maps)


class MultiScaleDiscriminator(nn.Module):
    """A score for each patch of an image, and of the image at half its size, and so on: 1 for real ones."""

    def __init__(self, *, width: int = 32, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales = nn.ModuleList()
        for _ in range(scales):
            widths = (3, *(width * 2**place for place in range(layers)))
            own = [Convolution(*pair, 4, stride=2, activation=leaky) for pair in pairwise(widths)]
            self.scales.append(nn.Sequential(*own, nn.Conv2d(widths[-1], 1, 1)))
        self.apply(draw_weights)

    def forward(self, images: Images) -> list[Float[Tensor, "batch 1 rows columns"]]:
        scores = []
        for scale in self.scales:
            scores.append(scale(images))
            images = functional.avg_pool2d(images, 3, 2, 1, count_include_pad=False)
        return scores


class LatentEncoder(nn.Module):
    """Maps to mean μ and deviation τ of their latents: three strided convolutions, then a linear layer for each (ours).
    The latents are a vector, not a map: a mixture of two people in different poses is then no double exposure."""

    def __init__(self, channels: int, rows: int, columns: int, width: int, latent: int) -> None:
        super().__init__()
        layers = []
        for place in range(HALVINGS):
            layers += [nn.Conv2d(channels if place == 0 else width, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        inside = width * (rows >> HALVINGS) * (columns >> HALVINGS)
        self.mean, self.deviation = nn.Linear(inside, latent), nn.Linear(inside, latent)
        nn.init.constant_(self.deviation.bias, START)

    def forward(self, maps: Maps) -> tuple[Latents, Latents]:
        inside = self.layers(maps).flatten(1)
        return self.mean(inside), functional.softplus(self.deviation(inside))


class LatentDecoder(nn.Module):
    """Latents to modality-invariant maps, which are not negative: what a ReLU leaves."""

    def __init__(self, channels: int, rows: int, columns: int, width: int, latent: int) -> None:
        super().__init__()
        self.shape = (width, rows >> HALVINGS, columns >> HALVINGS)
        self.start = nn.Linear(latent, width * self.shape[1] * self.shape[2])
        layers = []
        for place in range(HALVINGS):
            out = channels if place == HALVINGS - 1 else width
            layers += [nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2), nn.Conv2d(width, out, 3, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Latents) -> Maps:
        return functional.relu(self.layers(self.start(latents).view(-1, *self.shape)))
