"""Image-to-image networks that several translators use: the generators of CycleGAN and of StarGAN, and PatchGAN."""

from collections.abc import Sequence
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
    7; reflected borders, instance normalisation. Height and width must be multiples of 2 ** `halvings`.

    Args:
        width: channels after the first convolution.
        blocks: 9 in the paper, 6 at 128×128 pixels.
        shortcut: see `Shortcut`; none in the paper.
    """

    def __init__(self, *, width: int = 64, blocks: int = 9, halvings: int = 2, shortcut: bool = False) -> None:
        super().__init__()
        layers, widths = _reflected(3, width, 7), [width * 2**level for level in range(halvings + 1)]
        for channels in widths[:-1]:
            layers += normed(nn.Conv2d(channels, 2 * channels, 3, 2, 1))
        for _ in range(blocks):
            layers.append(Residual(*_reflected(widths[-1], widths[-1], 3), *_reflected(widths[-1], widths[-1], 3)[:-1]))
        for channels in widths[:0:-1]:
            layers += normed(nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1))
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())
        self.apply(draw_weights)
        if shortcut:
            self.layers = Shortcut(self.layers)

    def forward(self, images: Images) -> Images:
        return self.layers(images)


class Residual(nn.Module):
    """Layers beside the identity, with no activation after the sum."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return maps + self.layers(maps)


class LabelledGenerator(nn.Module):
    """Images in -1..1, with a label at each pixel, to images in -1..1 (Choi et al. 2018, Table 4): as `ResnetGenerator`
    with kernels of 4 where the size changes, zeros at the borders, and an instance normalisation with weights.

    Args:
        labels: numbers that come with each image; 0 for none (AlignGAN's released generator).
        small_weights: begin with `draw_weights`, as AlignGAN's release does, and not with torch's.
    """

    def __init__(
        self,
        *,
        labels: int = 0,
        width: int = 64,
        blocks: int = 6,
        halvings: int = 2,
        shortcut: bool = False,
        small_weights: bool = False,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(halvings + 1)]
        layers = normed(nn.Conv2d(3 + labels, width, 7, 1, 3, bias=False), affine=True)
        for channels in widths[:-1]:
            layers += normed(nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False), affine=True)
        for _ in range(blocks):
            same = (nn.Conv2d(widths[-1], widths[-1], 3, 1, 1, bias=False) for _ in range(2))
            first, second = (normed(convolution, affine=True) for convolution in same)
            layers.append(Residual(*first, *second[:-1]))
        for channels in widths[:0:-1]:
            layers += normed(nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False), affine=True)
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 3, 7, 1, 3, bias=False), nn.Tanh())
        if small_weights:
            self.apply(draw_weights)
        if shortcut:
            self.layers = Shortcut(self.layers, labels)

    def forward(self, images: Images, labels: Float[Tensor, "batch labels"] | None = None) -> Images:
        if labels is not None:
            planes = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat((images, planes), 1)
        return self.layers(images)


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


def patch_layers(width: int, halvings: int = 3) -> list[nn.Module]:
    """Convolutions of 4 from images to maps of min(2 ** `halvings`, 8) times `width` channels: `halvings` of stride 2,
    then one of stride 1; all but the first are normalised."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for level in range(halvings):
        before, after = (width * min(2**each, 8) for each in (level, level + 1))
        stride = 1 if level == halvings - 1 else 2
        layers += normed(nn.Conv2d(before, after, 4, stride, 1), nn.LeakyReLU(0.2, True))
    return layers


class PatchDiscriminator(nn.Module):
    """A score for each patch: 1 for real ones (Isola et al. 2017); `width` channels after the first convolution, and
    `halvings` of stride 2: 3 look at patches of 70×70 pixels (the paper's), 2 at 34×34, 1 at 16×16. Its first weights
    are drawn by `draw_weights`, unless `small_weights` is False."""

    def __init__(self, *, width: int = 64, halvings: int = 3, small_weights: bool = True) -> None:
        super().__init__()
        layers = patch_layers(width, halvings)
        self.layers = nn.Sequential(*layers, nn.Conv2d(width * min(2**halvings, 8), 1, 4, 1, 1))
        if small_weights:
            self.apply(draw_weights)

    def forward(self, images: Images) -> Float[Tensor, "batch 1 rows columns"]:
        return self.layers(images)


def generator_groups(generators: Sequence[nn.Module], rate: float) -> list[dict[str, Any]]:
    """Parameters of generators for an optimiser; those of shortcuts at a higher rate."""
    shortcuts = [each for generator in generators for each in generator.modules() if isinstance(each, Shortcut)]
    quick = [each for shortcut in shortcuts for each in shortcut.recolour.parameters()]
    known = {id(each) for each in quick}
    rest = [each for generator in generators for each in generator.parameters() if id(each) not in known]
    return [{"params": rest, "lr": rate}, *([{"params": quick, "lr": FASTER * rate}] if quick else [])]


def draw_weights(module: nn.Module) -> None:
    """Normal with deviation 0.02 for the kernels, 0 for the biases, from torch's global random state."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, DEVIATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def normed(convolution: nn.Module, activation: nn.Module | None = None, *, affine: bool = False) -> list[nn.Module]:
    """A convolution, instance normalisation and an activation, ReLU if none is given."""
    norm = nn.InstanceNorm2d(convolution.out_channels, affine=affine)
    return [convolution, norm, activation or nn.ReLU(True)]


def _reflected(channels: int, out: int, size: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(size // 2), *normed(nn.Conv2d(channels, out, size))]
