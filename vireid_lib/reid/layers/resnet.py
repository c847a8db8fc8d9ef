"""ResNet-50 in plain torch, with torchvision's parameter names, in two streams."""

from functools import partial

from torch import Tensor, nn

from vireid_lib.reid.layers.backbone import TwoStreamBackbone

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


class TwoStreamResNet50(TwoStreamBackbone):
    """An image of 288×144 becomes a map of 18×9 with 2,048 channels; the last layer keeps its resolution, as in AGW.

    Args:
        non_local: add non-local blocks after the last two blocks of layer 2 and the last three of layer 3 (AGW).
        shared_from: see `TwoStreamBackbone`; 3 in MMD-ReID.
    """

    widths = {"layer1": 256, "layer2": 512, "layer3": 1024, "layer4": 2048}

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        shapes = zip(BLOCKS, WIDTHS, (64, *self.widths.values()), (1, 2, 2, 1), strict=False)
        layers = [partial(make_layer, *shape) for shape in shapes]
        super().__init__(
            Stem, layers, non_local={"layer2": 2, "layer3": 3} if non_local else {}, shared_from=shared_from
        )


def make_layer(count: int, width: int, inside: int, stride: int) -> nn.Sequential:
    """`count` bottlenecks of `width`, the first of which takes `inside` channels and strides."""
    outside = width * Bottleneck.expansion
    return nn.Sequential(Bottleneck(inside, width, stride), *(Bottleneck(outside, width, 1) for _ in range(count - 1)))
