"""ResNet-50 in plain torch, with torchvision's parameter names, in two streams."""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers import NonLocal, check_images

BLOCKS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)


class Stem(nn.Sequential):
    """conv1, bn1, ReLU, max-pooling: an image to a map of a quarter of its size with 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)


class Bottleneck(nn.Module):
    """1×1, 3×3 (which strides), 1×1 convolutions beside a shortcut."""

    expansion = 4

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = width * self.expansion
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


class TwoStreamResNet50(nn.Module):
    """A stem per modality, then layers shared by both, 1 to 4 mostly; the last stage keeps its resolution.

    With `non_local`, non-local blocks stand after the last two blocks of layer 2 and the last three of
    layer 3 (AGW). An image of 288×144 becomes a map of 18×9 with 2,048 channels.

    Args:
        non_local: add the non-local blocks.
        last_stride: stride of layer 4; 1 in AGW and its relatives, 2 in torchvision.
        shared_from: the first layer that both modalities share, 1 to 4; each stem has its own of those before
            (3 in MMD-ReID).

    Raises:
        ValueError: the non-local blocks' layers 2 and 3 are not shared.
    """

    channels = 2048

    def __init__(self, *, non_local: bool = True, last_stride: int = 1, shared_from: int = 1) -> None:
        super().__init__()
        if non_local and shared_from > 2:
            raise ValueError(
                f"shared_from is {shared_from}, but the non-local blocks stand in the shared layers 2 and 3: set "
                "non_local to False."
            )
        self.stems = nn.ModuleDict({"visible": Stem(), "infrared": Stem()})
        inside = 64
        for index, (count, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True)):
            stride, outside = (1, 2, 2, last_stride)[index], width * Bottleneck.expansion
            for holder in (self,) if index + 1 >= shared_from else self.stems.values():
                later = (Bottleneck(outside, width, 1) for _ in range(count - 1))
                blocks = nn.Sequential(Bottleneck(inside, width, stride), *later)
                holder.add_module(f"layer{index + 1}", blocks)
            inside = outside
        self.shared = tuple(f"layer{index}" for index in range(shared_from, 5))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        after = {"layer2": 2, "layer3": 3} if non_local else {}
        self.non_local = nn.ModuleDict(
            {
                layer: nn.ModuleList(NonLocal(getattr(self, layer)[-1].conv3.out_channels) for _ in range(count))
                for layer, count in after.items()
            }
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
            for index, block in enumerate(blocks):
                maps = block(maps)
                place = index - (len(blocks) - len(between))
                if place >= 0:
                    maps = between[place](maps)
        return maps
