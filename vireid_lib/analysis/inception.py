"""Inception-v3, whose pooled features the name FID is about; its weights are the user's to bring.

Szegedy et al.: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016. Layers are named as in
torchvision and in the file of the original FID's weights that the field shares
(`pt_inception-2015-12-05-6726825d.pth`), so that either file loads.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.training.weights import read_weights

SIZE = 299
ORIGINAL_CLASSES = 1008
"""Rows of the last layer in the weights of the original FID; ImageNet's later ones have 1000."""

REMEDY = "Give a local file, such as the original FID's pt_inception-2015-12-05-6726825d.pth, or a hub id."
WIDE7, HIGH7, WIDE3, HIGH3 = (1, 7), (7, 1), (1, 3), (3, 1)


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inside: int, outside: int, size: int | tuple[int, int], stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outside, eps=0.001)
        self.relu = nn.ReLU(inplace=True)


class Block(nn.Module):
    """Branches side by side: chains of units, then one after a 3×3 pooling of the input.

    Args:
        inside: channels of the map.
        chains: of each branch, its units as (name, channels, size), or (name, channels, size, 2) with a stride of 2; a
            list of units is applied side by side. Units without a stride keep the map's size.
        pooling: "mean", "mean of what is there" (padding does not count, as in the original FID's network), "largest",
            or "shrink" (stride 2, without a unit after it).
        pooled: channels of the unit after the pooling.
    """

    def __init__(self, inside: int, chains: Sequence[Sequence], pooling: str, pooled: int | None = None) -> None:
        super().__init__()
        self.pooling, self.chains = pooling, []
        for chain in chains:
            width, names = inside, []
            for step in chain:
                units = step if isinstance(step, list) else [step]
                for name, outside, size, *stride in units:
                    same = size // 2 if isinstance(size, int) else (size[0] // 2, size[1] // 2)
                    self.add_module(name, Unit(width, outside, size, *stride, padding=0 if stride else same))
                width = sum(unit[1] for unit in units)
                names.append([unit[0] for unit in units])
            self.chains.append(names)
        if pooled is not None:
            self.branch_pool = Unit(inside, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for chain in self.chains:
            y = x
            for names in chain:
                y = torch.cat([getattr(self, name)(y) for name in names], 1)
            found.append(y)
        if self.pooling == "shrink":
            return torch.cat([*found, functional.max_pool2d(x, 3, 2)], 1)
        if self.pooling == "largest":
            pooled = functional.max_pool2d(x, 3, 1, 1)
        else:
            pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=self.pooling == "mean")
        return torch.cat([*found, self.branch_pool(pooled)], 1)


def _a(inside: int, pooled: int, pooling: str) -> Block:
    five = [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]
    double = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return Block(inside, [[("branch1x1", 64, 1)], five, double], pooling, pooled)


def _b(inside: int) -> Block:
    double = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2)]
    return Block(inside, [[("branch3x3", 384, 3, 2)], double], "shrink")


def _c(width: int, pooling: str) -> Block:
    seven = [("branch7x7_1", width, 1), ("branch7x7_2", width, WIDE7), ("branch7x7_3", 192, HIGH7)]
    widths, sizes = (width, width, width, width, 192), (1, HIGH7, WIDE7, HIGH7, WIDE7)
    double = [(f"branch7x7dbl_{i}", *shape) for i, shape in enumerate(zip(widths, sizes, strict=True), 1)]
    return Block(768, [[("branch1x1", 192, 1)], seven, double], pooling, 192)


def _d() -> Block:
    seven = [("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, WIDE7), ("branch7x7x3_3", 192, HIGH7)]
    return Block(
        768, [[("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2)], [*seven, ("branch7x7x3_4", 192, 3, 2)]], "shrink"
    )


def _e(inside: int, pooling: str) -> Block:
    single = [("branch3x3_1", 384, 1), [("branch3x3_2a", 384, WIDE3), ("branch3x3_2b", 384, HIGH3)]]
    double = [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)]
    double.append([("branch3x3dbl_3a", 384, WIDE3), ("branch3x3dbl_3b", 384, HIGH3)])
    return Block(inside, [[("branch1x1", 320, 1)], single, double], pooling, 192)


class InceptionV3(nn.Module):
    """Images to the 2048 pooled features.

    Args:
        classes: rows of the last layer, which is loaded and not used. 1008 is the network of the original FID, whose
            poolings differ from the later one's: padding does not count, and the last block takes the largest value.
    """

    def __init__(self, classes: int = ORIGINAL_CLASSES) -> None:
        super().__init__()
        original = classes == ORIGINAL_CLASSES
        pooling = "mean of what is there" if original else "mean"
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, 2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32, pooling), _a(256, 64, pooling), _a(288, 64, pooling)
        self.Mixed_6a = _b(288)
        self.Mixed_6b, self.Mixed_6c = _c(128, pooling), _c(160, pooling)
        self.Mixed_6d, self.Mixed_6e = _c(160, pooling), _c(192, pooling)
        self.Mixed_7a = _d()
        self.Mixed_7b, self.Mixed_7c = _e(1280, pooling), _e(2048, "largest" if original else "mean")
        self.fc = nn.Linear(2048, classes)

    @classmethod
    def load(cls, source: str) -> "InceptionV3":
        """The network with the weights of a file or of a hub id such as "timm/inception_v3.tv_in1k". Errors as of
        `training.weights.read_weights` and `from_weights`."""
        return cls.from_weights(read_weights(source, "Inception-v3's weights", REMEDY), source)

    @classmethod
    def from_weights(cls, state: Mapping[str, Tensor], where: str = "the weights") -> "InceptionV3":
        """The network with trained weights, in evaluation mode; what belongs to the auxiliary classifier is left out.

        Args:
            state: by the names of torchvision's `inception_v3`.
            where: what to call them in an error.

        Raises:
            ValueError: these are not the weights of an Inception-v3; names what is missing or too much.
        """
        own = {name: value for name, value in state.items() if not name.startswith("AuxLogits.")}
        if "fc.weight" not in own:
            raise ValueError(f"{where} holds no Inception-v3: fc.weight is missing; see vireid_lib.analysis.inception.")
        made = cls(len(own["fc.weight"]))
        missing, unexpected = made.load_state_dict(own, strict=False)
        missing = sorted(name for name in missing if not name.endswith("num_batches_tracked"))
        if missing or unexpected:
            named = ", ".join([*missing[:3], *unexpected[:3]])
            raise ValueError(
                f"{where} holds no Inception-v3: {len(missing)} tensors are missing and "
                f"{len(unexpected)} too many, among them {named}."
            )
        return made.eval()

    def forward(self, images: Float[Tensor, "n 3 299 299"]) -> Float[Tensor, "n 2048"]:
        """Features of images with values from -1 to 1."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = functional.max_pool2d(x, 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return x.mean((2, 3))

    @torch.no_grad()
    def features(self, pixels: UInt8[ndarray, "n height width 3"], batch: int = 32) -> Float[ndarray, "n 2048"]:
        """Features of images of any size, brought to 299×299 by bilinear interpolation."""
        device, found = self.fc.weight.device, []
        for start in range(0, len(pixels), batch):
            images = torch.tensor(pixels[start : start + batch], device=device).permute(0, 3, 1, 2).float()
            found.append(self(functional.interpolate(images / 127.5 - 1, (SIZE, SIZE), mode="bilinear")).cpu())
        return torch.cat(found).numpy()
