"""Two-stream backbones: ResNet-50 with torchvision's parameter names, the miniature world's small network; non-local
blocks."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

Map = Float[Tensor, "batch channels height width"]


def check_images(images: Tensor, modality: str) -> None:
    """Refuse what the networks cannot take, with a clearer message than a convolution's. Raises ValueError: an unknown
    modality, or images that are not floating-point [batch, 3, height, width]."""
    if modality not in ("visible", "infrared"):
        raise ValueError(f"modality is {modality!r}; it must be 'visible' or 'infrared'")
    if images.ndim != 4 or images.shape[1] != 3 or not torch.is_floating_point(images):
        raise ValueError(f"{modality} images: {images.dtype} {list(images.shape)}; give floats [n, 3, height, width]")


class NonLocal(nn.Module):
    """Non-local block as in AGW (eq. 1): z = BN(W·y) + x with y_i = 1/N Σ_j (θ(x_i)·φ(x_j)) g(x_j). The affinity is
    divided by the number of positions N; there is no softmax. The release reduces to a single inner channel whatever
    the width, and starts BN at zero, so that a fresh block is the identity."""

    def __init__(self, channels: int, inner: int = 1) -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, inner, 1)
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.project = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Map) -> Map:
        batch, _, height, width = maps.shape
        values, queries, keys = (f(maps).flatten(2) for f in (self.g, self.theta, self.phi))
        # (θᵀφ)g = θᵀ(φgᵀ): the N×N affinity need never exist, as nothing nonlinear stands in between.
        context = keys @ values.transpose(1, 2) / (height * width)
        mixed = (queries.transpose(1, 2) @ context).transpose(1, 2)
        return self.norm(self.project(mixed.reshape(batch, -1, height, width))) + maps


class SmallStem(nn.Sequential):
    """conv1, which strides, bn1, ReLU: an image to a map of half its size with 24 channels."""

    def __init__(self, width: int = 24, size: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, size, stride=2, padding=size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)


class Stem(SmallStem):
    """ResNet-50's, with a larger convolution and max-pooling: to a map of a quarter of the size with 64 channels."""

    def __init__(self) -> None:
        super().__init__(64, 7)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)


class Residual(nn.Module):
    """Convolutions, given as (channels, size, stride), each with batch normalisation and ReLU, beside a shortcut that
    is added before the last ReLU; `inside` channels come in."""

    def __init__(self, inside: int, *convolutions: tuple[int, int, int]) -> None:
        super().__init__()
        width, total = inside, 1
        for number, (outside, size, stride) in enumerate(convolutions, 1):
            convolution = nn.Conv2d(width, outside, size, stride=stride, padding=size // 2, bias=False)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(outside))
            width, total = outside, total * stride
        self.relu, self.count = nn.ReLU(inplace=True), len(convolutions)
        self.downsample = None
        if total != 1 or inside != width:
            shortcut = nn.Conv2d(inside, width, 1, stride=total, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y, shortcut = x, x if self.downsample is None else self.downsample(x)
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            if number < self.count:
                y = self.relu(y)
        return self.relu(y + shortcut)


class TwoStreamBackbone(nn.Module):
    """A stem per modality, then layers 1 to 4, shared by both from layer `shared_from` on (3 in MMD-ReID; each stem has
    its own copies of those before), with `non_local` blocks between their last blocks. Raises ValueError: a layer that
    is not shared has these.

    Attributes:
        widths, strides: channels of the maps behind the stem and each layer; how much each layer shrinks its map.
        blocks: of each layer. watched: layer → how many of its last blocks a non-local block follows each.
        bottleneck: a block is a 3×3 convolution, which strides, between two of 1×1 to a quarter of the channels and
            back; otherwise two of 3×3.
    """

    widths: ClassVar[tuple[int, ...]]
    strides: ClassVar[tuple[int, ...]]
    blocks: ClassVar[tuple[int, ...]]
    watched: ClassVar[Mapping[str, int]]
    stem_class: ClassVar[type[nn.Module]]
    bottleneck: ClassVar[bool]

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        super().__init__()
        self.channels, watched = self.widths[-1], self.watched if non_local else {}
        self.shared = tuple(f"layer{number}" for number in range(shared_from, 5))
        if not watched.keys() <= set(self.shared):
            raise ValueError(f"shared_from is {shared_from}, but {', '.join(watched)} have non-local blocks: lower it.")
        self.stems = nn.ModuleDict({"visible": self.stem_class(), "infrared": self.stem_class()})
        for index in range(4):
            for holder in (self,) if index + 1 >= shared_from else self.stems.values():
                holder.add_module(f"layer{index + 1}", self.layer(index))
        draw_weights(self)
        self.non_local = nn.ModuleDict()
        for name, count in watched.items():
            self.non_local[name] = nn.ModuleList(NonLocal(self.widths[int(name[-1])]) for _ in range(count))

    @classmethod
    def layer(cls, index: int) -> nn.Sequential:
        """Layer 1 to 4, by its index from 0: residual blocks, the first of which strides."""
        outside, blocks = cls.widths[index + 1], []
        for inside, stride in ((cls.widths[index], cls.strides[index]), *[(outside, 1)] * (cls.blocks[index] - 1)):
            plain = (outside, 3, stride), (outside, 3, 1)
            bottleneck = (outside // 4, 1, 1), (outside // 4, 3, stride), (outside, 1, 1)
            blocks.append(Residual(inside, *(bottleneck if cls.bottleneck else plain)))
        return nn.Sequential(*blocks)

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Float[Tensor, "batch maps h w"]:
        """What comes before the shared layers: the low-level map of images of one modality."""
        check_images(images, modality)
        return self.stems[modality](images)

    def trunk(self, maps: Map, layers: Iterable[str] | None = None) -> Float[Tensor, "batch channels2 h2 w2"]:
        """Pass maps, of either or both modalities, through the shared layers, or some of them ("layer1", …)."""
        for layer in self.shared if layers is None else layers:
            blocks = getattr(self, layer)
            between = self.non_local[layer] if layer in self.non_local else ()
            for place, block in enumerate(blocks, len(between) - len(blocks)):
                maps = block(maps)
                if place >= 0:
                    maps = between[place](maps)
        return maps


class TwoStreamResNet50(TwoStreamBackbone):
    """An image of 288×144 becomes a map of 18×9 with 2,048 channels; the last layer keeps its resolution, and non-local
    blocks follow the last two blocks of layer 2 and the last three of layer 3, as in AGW."""

    widths, strides, blocks = (64, 256, 512, 1024, 2048), (1, 2, 2, 1), (3, 4, 6, 3)
    watched, stem_class, bottleneck = {"layer2": 2, "layer3": 3}, Stem, True


class TwoStreamSmall(TwoStreamBackbone):
    """A layer is one block: 64×32 becomes a map of 8×4. With `non_local`, a non-local block follows layer 3."""

    widths, strides, blocks = (24, 32, 64, 96, 96), (2, 1, 2, 1), (1, 1, 1, 1)
    watched, stem_class, bottleneck = {"layer3": 1}, SmallStem, False


def draw_weights(module: nn.Module) -> None:
    """Draw all convolutions' weights as He et al. 2015 do, by outputs; from torch's global random state."""
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")
