"""The paper's flow and its invertible layers (Flow2Flow, section IV-A, Table II).

Every layer maps towards the latents (the paper's reverse propagation) and returns the log-determinant of that map for
each sample; with `generate=True` it maps towards the image, and returns the result alone.
"""

import math
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.base.networks import Images

Maps = Float[Tensor, "batch channels height width"]
PerSample = Float[Tensor, " batch"]
Latents = Float[Tensor, "batch channels rows columns"]
Place = Literal["last", "middle", "first"]

START_SCALE = 2.0  # sigmoid(2) = 0.88: every coupling starts near the identity, as in Glow
SPREAD = 2.0  # S stays in 0..4, so that generating stretches a value at most twofold in each coupling


squeeze = partial(functional.pixel_unshuffle, downscale_factor=2)
"""Each 2×2 square of pixels becomes four channels: [b, c, h, w] to [b, 4c, h/2, w/2], channel by channel."""

unsqueeze = partial(functional.pixel_shuffle, upscale_factor=2)


class InvertibleConvolution(nn.Module):
    """z = W x at every pixel, with W = P L (U + diag(s)), so that log|det W| = Σ log|s| (Glow, section 3.2). P is a
    fixed permutation, L and U are triangular with ones and zeros on the diagonal. W starts as a random rotation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", diagonal.sign())
        self.lower, self.upper = nn.Parameter(lower.tril(-1)), nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(diagonal.abs().log())

    def weight(self) -> Float[Tensor, "channels channels"]:
        eye = torch.eye(len(self.sign), dtype=self.lower.dtype, device=self.lower.device)
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_scale.exp())
        return self.permutation @ (self.lower.tril(-1) + eye) @ upper

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        weight = self.weight()
        if generate:
            # In double precision: an error here would be blown up by all layers that follow.
            weight = torch.linalg.inv(weight.to(widest(maps))).to(maps.dtype)
            return functional.conv2d(maps, weight[:, :, None, None])
        log_determinant = self.log_scale.sum() * (maps.shape[2] * maps.shape[3])
        return functional.conv2d(maps, weight[:, :, None, None]), log_determinant.expand(len(maps))


class AffineCoupling(nn.Module):
    """The second half of the channels becomes z₂ = x₂ ⊙ sigmoid(S(x₁)) + T(x₁); the first stays (Eq. 5, 6).

    S and T are the two halves of one small network, whose form the paper leaves open; this is Glow's. `bounded` keeps S
    in 0..4: latents that come from the other modality's flow are unlike any that this one was trained on; where S is
    free, some of them divide by nearly nothing, and a few layers on the image is not finite."""

    def __init__(self, channels: int, width: int, *, bounded: bool = True) -> None:
        super().__init__()
        self.kept, self.bounded = channels // 2, bounded
        self.network = nn.Sequential(
            nn.Conv2d(self.kept, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * (channels - self.kept), 3, padding=1),
        )
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        kept, changed = maps[:, : self.kept], maps[:, self.kept :]
        free, shift = self.network(kept).chunk(2, dim=1)
        raw = START_SCALE + (SPREAD * torch.tanh(free / SPREAD) if self.bounded else free)
        if generate:
            return torch.cat([kept, (changed - shift) / torch.sigmoid(raw)], dim=1)
        changed = changed * torch.sigmoid(raw) + shift
        return torch.cat([kept, changed], dim=1), functional.logsigmoid(raw).flatten(1).sum(1)


class InvertibleTanh(nn.Module):
    """z = tanh(x / scale) towards the latents, x = scale · artanh(z) towards the image (Eq. 7, 8: a scale of 1).
    Latents are double precision where the device has it: in single precision the inverse is off by more than 1e-4 from
    about 5 on, and tanh is 1 from about 9 on; in double precision these are 14 and 19. Latents of exactly 1, which
    pictures unlike any of training have, are taken for the next smaller number."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        if generate:
            limit = 1 - torch.finfo(maps.dtype).eps
            return self.scale * torch.atanh(maps.clamp(-limit, limit))
        maps = maps / self.scale
        # log(1 − tanh²) = log(4 e^{2x} / (e^{2x} + 1)²), written so that no exponential overflows
        log_slope = 2 * (math.log(2) - maps - functional.softplus(-2 * maps)) - math.log(self.scale)
        return torch.tanh(maps.to(widest(maps))), log_slope.flatten(1).sum(1)


def widest(like: Tensor) -> torch.dtype:
    """Double precision, except on Apple's GPUs, which have none."""
    return torch.float32 if like.device.type == "mps" else torch.float64


class Flow(nn.Module):
    """A bijection between images in -1..1 and latents (Flow2Flow, section IV-A).

    What the paper leaves open, and what is done here. *Where the channels come from*: a coupling needs more than
    three, so the image is squeezed before the first block and again at equal distances, as in Glow; nothing is split
    off. *Which block is the last*: the one next to the latents, the last of the reverse propagation that is trained.
    Then latents lie in (-1, 1), so does every point between two of them, and the inverse exists for all that sample
    expansion and translation need; at the image's end artanh would meet values beyond 1. It also fits Table VI: a
    translation passes tanh and artanh in succession and hardly cares for them, an interpolation does. The price: the
    likelihood wants standard normal latents, and 31.7 % of such values lie beyond ±1, where nothing is mapped to; a
    latent drawn from the prior has no image.

    Args:
        squeezes: how often 2×2 pixels become channels; height and width must divide by 2 that often.
        activation: the nonlinear flow; False is the linear one of Table VI.
        place: of the activation: "last", next to the latents; "first", next to the image; "middle", after half of the
            blocks. Elsewhere than last, values go on from it in single precision, and towards the image those beyond 1
            are taken for the largest below it.
    """

    def __init__(
        self, *, blocks=12, squeezes=3, width=512, bounded=True, activation=True, place: Place = "last", scale=1.0
    ) -> None:
        super().__init__()
        first = {round(level * blocks / squeezes) for level in range(squeezes)}
        self.squeezed = [block in first for block in range(blocks)]
        channels, self.blocks = 3, nn.ModuleList()
        for new_level in self.squeezed:
            channels *= 4 if new_level else 1
            layers = InvertibleConvolution(channels), AffineCoupling(channels, width, bounded=bounded)
            self.blocks.append(nn.ModuleList(layers))
        self.activation = InvertibleTanh(scale) if activation else None
        self.activated = {"first": 0, "middle": blocks // 2, "last": blocks}[place]  # blocks before the activation

    def forward(
        self, values: Images | Latents, generate: bool = False
    ) -> tuple[Latents, Float[Tensor, " batch"]] | Images:
        """Images to (latents, log|det| of the map for each image); with `generate`, latents to images."""
        if generate:
            return self._generate(values)
        maps, total = values, values.new_zeros(len(values))
        for place, block in enumerate([*self.blocks, ()]):
            if self.activation is not None and place == self.activated:
                maps, log_determinant = self.activation(maps)
                total = total + log_determinant
                maps = maps if place == len(self.blocks) else maps.to(values.dtype)
            maps = squeeze(maps) if block and self.squeezed[place] else maps
            for layer in block:
                maps, log_determinant = layer(maps)
                total = total + log_determinant
        return maps, total

    def _generate(self, latents: Latents) -> Images:
        maps, dtype = latents, self.blocks[0][0].lower.dtype
        for place in range(len(self.blocks), -1, -1):
            for layer in reversed(self.blocks[place]) if place < len(self.blocks) else ():
                maps = layer(maps.to(dtype), generate=True)
            maps = unsqueeze(maps) if place < len(self.blocks) and self.squeezed[place] else maps
            if self.activation is not None and place == self.activated:
                maps = self.activation(maps, generate=True)
        return maps.to(dtype)
