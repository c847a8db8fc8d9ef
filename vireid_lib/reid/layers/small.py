"""The small two-stream network of the miniature world: seconds instead of days on a CPU."""

from functools import partial

from torch import Tensor, nn

from vireid_lib.reid.layers.backbone import TwoStreamBackbone

WIDTHS = (32, 64, 96, 96)


class SmallStem(nn.Sequential):
    """A strided 3×3 convolution: an image to a map of half its size with 24 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.relu = nn.ReLU(inplace=True)


class SmallBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inside != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class TwoStreamSmall(TwoStreamBackbone):
    """A layer is one block: 64×32 becomes a map of 8×4. With `non_local`, a non-local block follows layer 3."""

    widths = {f"layer{index}": width for index, width in enumerate(WIDTHS, 1)}

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        def layer(*shape: int) -> nn.Sequential:
            return nn.Sequential(SmallBlock(*shape))

        layers = [partial(layer, *shape) for shape in zip((24, *WIDTHS), WIDTHS, (2, 1, 2, 1), strict=False)]
        super().__init__(SmallStem, layers, non_local={"layer3": 1} if non_local else {}, shared_from=shared_from)
