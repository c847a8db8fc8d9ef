"""The small two-stream network of the miniature world: seconds instead of days on a CPU."""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers import NonLocal, check_images

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


class TwoStreamSmall(nn.Module):
    """A stem per modality, then four residual blocks shared by both: 64×32 becomes a map of 8×4.

    Same interface as `TwoStreamResNet50`, `shared_from` included. With `non_local`, a non-local block follows
    block 3.
    """

    channels = WIDTHS[-1]

    def __init__(self, *, non_local: bool = True, shared_from: int = 1) -> None:
        super().__init__()
        if non_local and shared_from > 3:
            raise ValueError(
                f"shared_from is {shared_from}, but the non-local block stands after the shared block 3: set "
                "non_local to False."
            )
        self.stems = nn.ModuleDict({"visible": SmallStem(), "infrared": SmallStem()})
        inside = 24
        for index, width in enumerate(WIDTHS):
            for holder in (self,) if index + 1 >= shared_from else self.stems.values():
                holder.add_module(f"layer{index + 1}", SmallBlock(inside, width, (2, 1, 2, 1)[index]))
            inside = width
        self.shared = tuple(f"layer{index}" for index in range(shared_from, 5))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.non_local = NonLocal(WIDTHS[2]) if non_local else None

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Float[Tensor, "batch maps h w"]:
        """What comes before the shared blocks: the low-level map of images of one modality."""
        check_images(images, modality)
        return self.stems[modality](images)

    def trunk(
        self, maps: Float[Tensor, "batch channels h w"], layers: Iterable[str] | None = None
    ) -> Float[Tensor, "batch channels2 h2 w2"]:
        """Pass maps, of either or both modalities, through the shared blocks, or some of them ("layer1", …)."""
        for layer in self.shared if layers is None else layers:
            maps = getattr(self, layer)(maps)
            if layer == "layer3" and self.non_local is not None:
                maps = self.non_local(maps)
        return maps
