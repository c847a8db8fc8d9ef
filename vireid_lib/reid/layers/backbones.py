"""Two-stream backbones: ResNet-50 with torchvision's parameter names, and the miniature world's small network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers.checks import check_images
from vireid_lib.reid.layers.non_local import NonLocal

BLOCKS, WIDTHS = (3, 4, 6, 3), (64, 128, 256, 512)
SMALL_WIDTHS = (32, 64, 96, 96)


class Stem(nn.Sequential):
    """conv1, bn1, ReLU, max-pooling: an image to a map of a quarter of its size with 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)


class SmallStem(nn.Sequential):
    """A strided 3×3 convolution: an image to a map of half its size with 24 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.relu = nn.ReLU(inplace=True)


class Residual(nn.Module):
    """Convolutions, each with batch normalisation and ReLU, beside a shortcut that is added before the last ReLU.

    Args:
        inside: channels of the map that comes in.
        convolutions: (channels, size, stride) of each.
    """

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


class Bottleneck(Residual):
    """ResNet-50's block: 1×1, 3×3 (which strides) and 1×1 convolutions."""

    expansion = 4

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__(inside, (width, 1, 1), (width, 3, stride), (width * self.expansion, 1, 1))


class SmallBlock(Residual):
    """Two 3×3 convolutions, the first of which strides."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__(inside, (width, 3, stride), (width, 3, 1))


class TwoStreamBackbone(nn.Module):
    """A stem per modality, then layers 1 to 4, mostly shared by both, with non-local blocks between their last blocks.

    Args:
        stem: makes a modality's stem.
        layers: make the layers, each a sequence of residual blocks; `widths` has their output channels by name.
        non_local: layer → how many of its last blocks a non-local block follows each.
        shared_from: the first layer that both modalities share, 1 to 4; each stem has its own copies of those before.

    Raises:
        ValueError: a layer with non-local blocks is not shared.
    """

    widths: ClassVar[Mapping[str, int]]

    def __init__(
        self,
        stem: Callable[[], nn.Module],
        layers: Sequence[Callable[[], nn.Sequential]],
        *,
        non_local: Mapping[str, int],
        shared_from: int,
    ) -> None:
        super().__init__()
        self.channels = self.widths[f"layer{len(layers)}"]
        self.shared = tuple(f"layer{index}" for index in range(shared_from, len(layers) + 1))
        if not non_local.keys() <= set(self.shared):
            raise ValueError(
                f"shared_from is {shared_from}, but the non-local blocks stand in {' and '.join(non_local)}: share these, "
                "or set non_local to False."
            )
        self.stems = nn.ModuleDict({"visible": stem(), "infrared": stem()})
        for index, make in enumerate(layers, 1):
            for holder in (self,) if index >= shared_from else self.stems.values():
                holder.add_module(f"layer{index}", make())
        draw_weights(self)
        self.non_local = nn.ModuleDict(
            {layer: nn.ModuleList(NonLocal(self.widths[layer]) for _ in range(n)) for layer, n in non_local.items()}
        )

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Float[Tensor, "batch maps h w"]:
        """What comes before the shared layers: the low-level map of images of one modality."""
        check_images(images, modality)
        return self.stems[modality](images)

    def trunk(
        self, maps: Float[Tensor, "batch channels h w"], layers: Iterable[str] | None = None
    ) -> Float[Tensor, "batch channels2 h2 w2"]:
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
    """An image of 288×144 becomes a map of 18×9 with 2,048 channels; the last layer keeps its resolution, as in AGW.

    Args:
        non_local: add non-local blocks after the last two blocks of layer 2 and the last three of layer 3 (AGW).
        shared_from: see `TwoStreamBackbone`; 3 in MMD-ReID.
    """

    widths = {"layer1": 256, "layer2": 512, "layer3": 1024, "layer4": 2048}

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        shapes = zip(BLOCKS, WIDTHS, (64, *self.widths.values()), (1, 2, 2, 1), strict=False)
        layers, blocks = [partial(bottlenecks, *shape) for shape in shapes], {"layer2": 2, "layer3": 3}
        super().__init__(Stem, layers, non_local=blocks if non_local else {}, shared_from=shared_from)


class TwoStreamSmall(TwoStreamBackbone):
    """A layer is one block: 64×32 becomes a map of 8×4. With `non_local`, a non-local block follows layer 3."""

    widths = {f"layer{index}": width for index, width in enumerate(SMALL_WIDTHS, 1)}

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        def layer(*shape: int) -> nn.Sequential:
            return nn.Sequential(SmallBlock(*shape))

        shapes = zip((24, *SMALL_WIDTHS), SMALL_WIDTHS, (2, 1, 2, 1), strict=False)
        layers, blocks = [partial(layer, *shape) for shape in shapes], {"layer3": 1}
        super().__init__(SmallStem, layers, non_local=blocks if non_local else {}, shared_from=shared_from)


def bottlenecks(count: int, width: int, inside: int, stride: int) -> nn.Sequential:
    """A layer of ResNet-50: `count` blocks, the first of which takes `inside` channels and strides."""
    outside = width * Bottleneck.expansion
    return nn.Sequential(Bottleneck(inside, width, stride), *(Bottleneck(outside, width, 1) for _ in range(count - 1)))


def draw_weights(module: nn.Module) -> None:
    """Draw all convolutions' weights as He et al. 2015 do, by outputs; from torch's global random state."""
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")
