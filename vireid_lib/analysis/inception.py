"""Inception-v3, whose pooled features the name FID is about; its weights are the user's to bring.

Szegedy et al.: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016. Layers are named as in
torchvision and in the file of the original FID's weights that the field shares
(`pt_inception-2015-12-05-6726825d.pth`), so that either file loads.
"""

import functools
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.training.weights import read_weights

SIZE = 299
ORIGINAL_CLASSES = 1008  # rows of the last layer in the weights of the original FID; ImageNet's later ones have 1000
REMEDY = "Give a local file, such as the original FID's pt_inception-2015-12-05-6726825d.pth, or a hub id."


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inside: int, outside: int, size: int | tuple[int, int], stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outside, eps=0.001)
        self.relu = nn.ReLU(inplace=True)


class Block(nn.Module):
    """Branches side by side: chains of units, then one after a 3×3 pooling of the input; `inside` channels come in.

    Args:
        chains: of each branch by name, its units as (channels, size), or (channels, size, 2) with a stride of 2; a list
            of units is applied side by side. Units without a stride keep the map's size.
        pooling: "mean", "mean of what is there" (padding does not count), "largest", or "shrink" (stride 2, without a
            unit after it). pooled: channels of the unit after it.
    """

    def __init__(self, inside: int, chains: Mapping[str, Sequence], pooling: str, pooled: int | None = None) -> None:
        super().__init__()
        self.pooling, self.chains = pooling, []
        for name, chain in chains.items():
            width, steps = inside, []
            for number, step in enumerate(chain, 1):
                units = dict(zip("ab", step, strict=True)) if isinstance(step, list) else {"": step}
                place = f"branch{name}" + f"_{number}" * (len(chain) > 1)
                for letter, (outside, size, *stride) in units.items():
                    same = size // 2 if isinstance(size, int) else (size[0] // 2, size[1] // 2)
                    self.add_module(place + letter, Unit(width, outside, size, *stride, padding=0 if stride else same))
                width = sum(unit[0] for unit in units.values())
                steps.append([place + letter for letter in units])
            self.chains.append(steps)
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
        mean = functools.partial(functional.avg_pool2d, count_include_pad=self.pooling == "mean")
        pool = functional.max_pool2d if self.pooling == "largest" else mean
        return torch.cat([*found, self.branch_pool(pool(x, 3, 1, 1))], 1)


WIDE7, HIGH7, BOTH3 = (1, 7), (7, 1), [(384, (1, 3)), (384, (3, 1))]
FIFTH = {"1x1": [(64, 1)], "5x5": [(48, 1), (64, 5)], "3x3dbl": [(64, 1), (96, 3), (96, 3)]}
TO_SIXTH = {"3x3": [(384, 3, 2)], "3x3dbl": [(64, 1), (96, 3), (96, 3, 2)]}
TO_SEVENTH = {"3x3": [(192, 1), (320, 3, 2)], "7x7x3": [(192, 1), (192, WIDE7), (192, HIGH7), (192, 3, 2)]}
SEVENTH = {"1x1": [(320, 1)], "3x3": [(384, 1), BOTH3], "3x3dbl": [(448, 1), (384, 3), BOTH3]}


def _sixth(width: int) -> Mapping[str, Sequence]:
    double = [(width, 1), (width, HIGH7), (width, WIDE7), (width, HIGH7), (192, WIDE7)]
    return {"1x1": [(192, 1)], "7x7": [(width, 1), (width, WIDE7), (192, HIGH7)], "7x7dbl": double}


class InceptionV3(nn.Module):
    """Images to the 2048 pooled features. The last layer, with a row for each of `classes`, is loaded, not used. With
    1008 this is the original FID's network, whose poolings differ: padding does not count, and the last block takes the
    largest value."""

    def __init__(self, classes: int = ORIGINAL_CLASSES) -> None:
        super().__init__()
        original = classes == ORIGINAL_CLASSES
        pooling = "mean of what is there" if original else "mean"
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, 2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        fifth = (Block(inside, FIFTH, pooling, pooled) for inside, pooled in ((192, 32), (256, 64), (288, 64)))
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = fifth
        self.Mixed_6a = Block(288, TO_SIXTH, "shrink")
        sixth = (Block(768, _sixth(width), pooling, 192) for width in (128, 160, 160, 192))
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = sixth
        self.Mixed_7a, self.Mixed_7b = Block(768, TO_SEVENTH, "shrink"), Block(1280, SEVENTH, pooling, 192)
        self.Mixed_7c = Block(2048, SEVENTH, "largest" if original else "mean", 192)
        self.fc = nn.Linear(2048, classes)

    @classmethod
    def load(cls, source: str) -> "InceptionV3":
        """The network in evaluation mode with the weights of a file or of a hub id such as "timm/inception_v3.tv_in1k",
        by the names of torchvision's `inception_v3`; what belongs to the auxiliary classifier is left out. Raises
        ValueError: these are no Inception-v3's, naming what is missing or too much; else as `read_weights`."""
        state = read_weights(source, "Inception-v3's weights", REMEDY)
        own = {name: value for name, value in state.items() if not name.startswith("AuxLogits.")}
        made = cls(len(own.get("fc.weight", range(ORIGINAL_CLASSES))))
        missing, unexpected = made.load_state_dict(own, strict=False)
        if wrong := [*(name for name in missing if not name.endswith("num_batches_tracked")), *unexpected]:
            raise ValueError(f"{source} holds no Inception-v3: {len(wrong)} tensors differ: {', '.join(wrong[:5])} …")
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
        found = []
        for part in torch.tensor(pixels).split(batch):
            images = part.to(self.fc.weight.device).permute(0, 3, 1, 2).float() / 127.5 - 1
            found.append(self(functional.interpolate(images, (SIZE, SIZE), mode="bilinear")).cpu())
        return torch.cat(found).numpy()
