"""The paper's flow: blocks of affine coupling and invertible 1×1 convolution, a tanh activation in the last one."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.generators.flow2flow.layers import (
    AffineCoupling,
    InvertibleConvolution,
    InvertibleTanh,
    squeeze,
    unsqueeze,
)

Images = Float[Tensor, "batch 3 height width"]
Latents = Float[Tensor, "batch channels rows columns"]


class Flow(nn.Module):
    """A bijection between images in -1..1 and latents (Flow2Flow, section IV-A).

    What the paper leaves open, and what is done here. *Where the channels come from*: a coupling needs more than
    three, so the image is squeezed before the first block and again at equal distances, as in Glow; nothing is split
    off. *Which block is the last*: the one next to the latents, the last of the reverse propagation that is trained.
    Then latents lie in (-1, 1), so does every point between two of them, and the inverse exists for all that sample
    expansion and translation need; at the image's end artanh would meet values beyond 1. It also fits Table VI: a
    translation passes tanh and artanh in succession and hardly cares for them, an interpolation does.

    Args:
        blocks: of coupling and convolution.
        squeezes: how often 2×2 pixels become channels; height and width must divide by 2 that often.
        width: channels inside the networks of the couplings.
        activation: the nonlinear flow; False is the linear one of Table VI.
    """

    def __init__(self, *, blocks: int = 12, squeezes: int = 3, width: int = 512, activation: bool = True) -> None:
        super().__init__()
        first = {round(level * blocks / squeezes) for level in range(squeezes)}
        self.squeezed = [block in first for block in range(blocks)]
        channels, layers = 3, []
        for new_level in self.squeezed:
            channels *= 4 if new_level else 1
            layers.append(nn.ModuleList([InvertibleConvolution(channels), AffineCoupling(channels, width)]))
        self.blocks = nn.ModuleList(layers)
        self.activation = InvertibleTanh() if activation else None

    def forward(
        self, values: Images | Latents, generate: bool = False
    ) -> tuple[Latents, Float[Tensor, " batch"]] | Images:
        """Images to (latents, log|det| of the map for each image); with `generate`, latents to images."""
        if generate:
            return self._generate(values)
        maps, total = values, values.new_zeros(len(values))
        for new_level, block in zip(self.squeezed, self.blocks, strict=True):
            maps = squeeze(maps) if new_level else maps
            for layer in block:
                maps, log_determinant = layer(maps)
                total = total + log_determinant
        if self.activation is not None:
            maps, log_determinant = self.activation(maps)
            total = total + log_determinant
        return maps, total

    def _generate(self, latents: Latents) -> Images:
        maps = latents if self.activation is None else self.activation(latents, generate=True)
        maps = maps.to(self.blocks[0][0].lower.dtype)
        for new_level, block in zip(reversed(self.squeezed), reversed(self.blocks), strict=True):
            for layer in reversed(block):
                maps = layer(maps, generate=True)
            maps = unsqueeze(maps) if new_level else maps
        return maps
