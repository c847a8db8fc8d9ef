"""Image-to-image networks that several translators use: the generators of CycleGAN and of StarGAN, and PatchGAN."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.grey import LUMINANCE

Images = Float[Tensor, "batch 3 height width"]
DEVIATION = 0.02  # of the initial weights
FASTER = 20


class ResnetGenerator(nn.Module):
    """Images in -1..1 to images in -1..1 (Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016): a convolution
    of 7, `halvings` of stride 2 that double the channels, residual blocks, transposed convolutions, a convolution of
    7; reflected borders, instance normalisation. Height and width must be multiples of 2 ** `halvings`. The paper has 9
    blocks (6 at 128×128 pixels) and no `Shortcut`; it begins with `draw_weights`, here if the weights are to be small.
    Each image may come with so many `labels`, shown at each pixel."""

    kernel, reflects = 3, True  # of the convolutions that change the size; whether borders are reflected

    def __init__(self, *, width=64, blocks=9, halvings=2, shortcut=False, small_weights=True, labels=0) -> None:
        super().__init__()
        widths, how = [width * 2**level for level in range(halvings + 1)], {"bias": self.reflects}
        normal = partial(normed, affine=not self.reflects)
        layers = normal(*self._same(3 + labels, width, 7))
        for channels in widths[:-1]:
            layers += normal(nn.Conv2d(channels, 2 * channels, self.kernel, 2, 1, **how))
        for _ in range(blocks):
            first, second = (normal(*self._same(widths[-1], widths[-1], 3)) for _ in range(2))
            layers.append(Residual(*first, *second[:-1]))
        for channels in widths[:0:-1]:
            sizes = (channels, channels // 2, self.kernel, 2, 1, 4 - self.kernel)
            layers += normal(nn.ConvTranspose2d(*sizes, **how))
        self.layers = nn.Sequential(*layers, *self._same(width, 3, 7), nn.Tanh())
        if small_weights:
            self.apply(draw_weights)
        if shortcut:
            self.layers = Shortcut(self.layers, labels)

    def forward(self, images: Images, labels: Float[Tensor, "batch labels"] | None = None) -> Images:
        if labels is not None:
            planes = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat((images, planes), 1)
        return self.layers(images)

    def _same(self, channels: int, out: int, size: int) -> list[nn.Module]:
        """A convolution that keeps the size."""
        if self.reflects:
            return [nn.ReflectionPad2d(size // 2), nn.Conv2d(channels, out, size)]
        return [nn.Conv2d(channels, out, size, 1, size // 2, bias=False)]


class LabelledGenerator(ResnetGenerator):
    """The same with kernels of 4 where the size changes, zeros at the borders, and an instance normalisation with
    weights (Choi et al. 2018, Table 4)."""

    kernel, reflects = 4, False

    def __init__(self, *, blocks: int = 6, small_weights: bool = False, **sizes: Any) -> None:
        super().__init__(blocks=blocks, small_weights=small_weights, **sizes)


class Residual(nn.Module):
    """Layers beside the identity, with no activation after the sum."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return maps + self.layers(maps)


class Shortcut(nn.Module):
    """A generator's layers beside a linear map of each pixel's colour, one for each label, added before the tanh. No
    paper has it: after a few hundred steps what passes the narrow layers is still blurred, and the recoloured image
    need not pass them. It starts as the grey image, as a short training does not get away from the coloured one, which
    closes the cycle without loss; it learns `FASTER` times as fast as the rest."""

    def __init__(self, layers: nn.Sequential, labels: int = 0) -> None:
        super().__init__()
        self.layers, self.labels = layers[:-1], labels
        self.recolour = nn.Conv2d(3, 3 * max(labels, 1), 1)
        with torch.no_grad():
            self.recolour.weight.copy_(torch.tensor(LUMINANCE)[None, :, None, None].expand_as(self.recolour.weight))
            self.recolour.bias.zero_()

    def forward(self, maps: Float[Tensor, "batch channels height width"]) -> Images:
        recoloured = self.recolour(maps[:, :3])
        if self.labels:
            recoloured = (recoloured.unflatten(1, (self.labels, 3)) * maps[:, 3:, None]).sum(1)
        return torch.tanh(self.layers(maps) + recoloured)


def patch_layers(width: int, strides: Sequence[int] = (2, 2, 2, 1), most: int = 8) -> list[nn.Module]:
    """Convolutions of 4 with these strides, from images to maps of `width` channels, then of twice as many as
    before, up to `most` times `width`; all but the first are normalised."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, strides[0], 1), nn.LeakyReLU(0.2, True)]
    for level, stride in enumerate(strides[1:]):
        before, after = (width * min(2**each, most) for each in (level, level + 1))
        layers += normed(nn.Conv2d(before, after, 4, stride, 1), activation=nn.LeakyReLU(0.2, True))
    return layers


class PatchDiscriminator(nn.Module):
    """A score for each patch: 1 for real ones (Isola et al. 2017); `width` channels after the first convolution, and
    `halvings` of stride 2: 3 look at patches of 70×70 pixels (the paper's), 2 at 34×34, 1 at 16×16. Its first weights
    are drawn by `draw_weights`, unless `small_weights` is False."""

    def __init__(self, *, width: int = 64, halvings: int = 3, small_weights: bool = True) -> None:
        super().__init__()
        layers = patch_layers(width, (2,) * halvings + (1,))
        self.layers = nn.Sequential(*layers, nn.Conv2d(width * min(2**halvings, 8), 1, 4, 1, 1))
        if small_weights:
            self.apply(draw_weights)

    def forward(self, images: Images) -> Float[Tensor, "batch 1 rows columns"]:
        return self.layers(images)


def generator_groups(generators: Sequence[nn.Module], rate: float) -> list[dict[str, Any]]:
    """Parameters of generators for an optimiser; those of shortcuts at a higher rate."""
    named = [pair for generator in generators for pair in generator.named_parameters()]
    rest, quick = ([each for name, each in named if ("recolour" in name) is fast] for fast in (False, True))
    return [{"params": rest, "lr": rate}, *([{"params": quick, "lr": FASTER * rate}] if quick else [])]


def draw_weights(module: nn.Module) -> None:
    """Normal with deviation 0.02 for the kernels, 0 for the biases, from torch's global random state."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def normed(*layers: nn.Module, activation: nn.Module | None = None, affine: bool = False) -> list[nn.Module]:
    """Layers, the last of which is a convolution, then instance normalisation and an activation (ReLU)."""
    norm = nn.InstanceNorm2d(layers[-1].out_channels, affine=affine)
    return [*layers, norm, activation or nn.ReLU(True)]
