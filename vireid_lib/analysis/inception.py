"""Inception-v3, whose pooled features the name FID is about; its weights are the user's to bring.

Szegedy et al.: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016. Layers are named as in
torchvision and in the file of the original FID's weights that the field shares
(`pt_inception-2015-12-05-6726825d.pth`), so that either file loads.
"""

from __future__ import annotations

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


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inside: int, outside: int, size: int | tuple[int, int], stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outside, eps=0.001)
        self.relu = nn.ReLU(inplace=True)


class Block(nn.Module):
    """Branches side by side: chains of units by name, then one after a 3×3 pooling of the input.

    Args:
        chains: names of the units of each branch; a tuple among them is applied side by side.
        pooling: "mean", "mean of what is there" (padding does not count, as in the original FID's network), "largest",
            or "shrink" (stride 2, without a unit after it).
    """

    def __init__(
        self, units: Mapping[str, Unit], chains: Sequence[Sequence[str | tuple[str, str]]], pooling: str
    ) -> None:
        super().__init__()
        self.chains, self.pooling = chains, pooling
        for name, unit in units.items():
            self.add_module(name, unit)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for chain in self.chains:
            y = x
            for step in chain:
                both = step if isinstance(step, tuple) else (step,)
                y = torch.cat([getattr(self, name)(y) for name in both], 1)
            found.append(y)
        if self.pooling == "shrink":
            return torch.cat([*found, functional.max_pool2d(x, 3, 2)], 1)
        if self.pooling == "largest":
            pooled = functional.max_pool2d(x, 3, 1, 1)
        else:
            pooled = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=self.pooling == "mean")
        return torch.cat([*found, self.branch_pool(pooled)], 1)


def _a(inside: int, pooled: int, pooling: str) -> Block:
    units = {
        "branch1x1": Unit(inside, 64, 1),
        "branch5x5_1": Unit(inside, 48, 1),
        "branch5x5_2": Unit(48, 64, 5, padding=2),
        "branch3x3dbl_1": Unit(inside, 64, 1),
        "branch3x3dbl_2": Unit(64, 96, 3, padding=1),
        "branch3x3dbl_3": Unit(96, 96, 3, padding=1),
        "branch_pool": Unit(inside, pooled, 1),
    }
    return Block(
        units,
        [["branch1x1"], ["branch5x5_1", "branch5x5_2"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]],
        pooling,
    )


def _b(inside: int) -> Block:
    units = {
        "branch3x3": Unit(inside, 384, 3, 2),
        "branch3x3dbl_1": Unit(inside, 64, 1),
        "branch3x3dbl_2": Unit(64, 96, 3, padding=1),
        "branch3x3dbl_3": Unit(96, 96, 3, 2),
    }
    return Block(units, [["branch3x3"], ["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"]], "shrink")


def _c(width: int, pooling: str) -> Block:
    wide, high = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}
    units = {
        "branch1x1": Unit(768, 192, 1),
        "branch7x7_1": Unit(768, width, 1),
        "branch7x7_2": Unit(width, width, **wide),
        "branch7x7_3": Unit(width, 192, **high),
        "branch7x7dbl_1": Unit(768, width, 1),
        "branch7x7dbl_2": Unit(width, width, **high),
        "branch7x7dbl_3": Unit(width, width, **wide),
        "branch7x7dbl_4": Unit(width, width, **high),
        "branch7x7dbl_5": Unit(width, 192, **wide),
        "branch_pool": Unit(768, 192, 1),
    }
    return Block(
        units,
        [["branch1x1"], [f"branch7x7_{i}" for i in (1, 2, 3)], [f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5)]],
        pooling,
    )


def _d() -> Block:
    units = {
        "branch3x3_1": Unit(768, 192, 1),
        "branch3x3_2": Unit(192, 320, 3, 2),
        "branch7x7x3_1": Unit(768, 192, 1),
        "branch7x7x3_2": Unit(192, 192, (1, 7), padding=(0, 3)),
        "branch7x7x3_3": Unit(192, 192, (7, 1), padding=(3, 0)),
        "branch7x7x3_4": Unit(192, 192, 3, 2),
    }
    return Block(units, [["branch3x3_1", "branch3x3_2"], [f"branch7x7x3_{i}" for i in (1, 2, 3, 4)]], "shrink")


def _e(inside: int, pooling: str) -> Block:
    wide, high = {"size": (1, 3), "padding": (0, 1)}, {"size": (3, 1), "padding": (1, 0)}
    units = {
        "branch1x1": Unit(inside, 320, 1),
        "branch3x3_1": Unit(inside, 384, 1),
        "branch3x3_2a": Unit(384, 384, **wide),
        "branch3x3_2b": Unit(384, 384, **high),
        "branch3x3dbl_1": Unit(inside, 448, 1),
        "branch3x3dbl_2": Unit(448, 384, 3, padding=1),
        "branch3x3dbl_3a": Unit(384, 384, **wide),
        "branch3x3dbl_3b": Unit(384, 384, **high),
        "branch_pool": Unit(inside, 192, 1),
    }
    double = ["branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")]
    return Block(units, [["branch1x1"], ["branch3x3_1", ("branch3x3_2a", "branch3x3_2b")], double], pooling)


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
    def load(cls, source: str) -> InceptionV3:
        """The network with the weights of a file or of a hub id such as "timm/inception_v3.tv_in1k".

        Raises:
            FileNotFoundError, ValueError: see `training.weights.read_weights` and `from_weights`.
        """
        return cls.from_weights(read_weights(source, "Inception-v3's weights", REMEDY), source)

    @classmethod
    def from_weights(cls, state: Mapping[str, Tensor], where: str = "the weights") -> InceptionV3:
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
        counters = {name for name in made.state_dict() if name.endswith("num_batches_tracked")}
        missing, unexpected = made.load_state_dict(own, strict=False)
        missing = sorted(set(missing) - counters)
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
