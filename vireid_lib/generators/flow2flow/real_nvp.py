"""The released flow: RealNVP of two scales, ten couplings, no 1×1 convolution and no activation.

Parameters carry the names of the released state dict, but for the `.conv` inside its weight-normalised convolutions.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.flow2flow.flow import InvertibleTanh, Maps, PerSample, squeeze, unsqueeze


class RealNvp(nn.Module):
    """Images in -1..1 to logits, then couplings (Dinh et al. 2017); latents have the image's shape.

    Towards the image it is not quite the inverse of the way to the latents: as released, the couplings' logits l are
    shown as tanh(l), where the inverse of the logit transform would be (2 sigmoid(l) − 1) / 0.9. `logits` is exact.

    The networks of the couplings have `width` channels, doubled below the first scale, and `blocks` residual blocks.
    The activation is a tanh between the second and the third coupling by channel, in every scale that has these: where
    the release has it as a comment (whose log-determinant adds up slopes in place of their logarithms)."""

    def __init__(self, *, scales=2, width=32, blocks=4, activation=False, activation_scale: float = 5.0) -> None:
        super().__init__()
        self.register_buffer("data_constraint", torch.tensor([0.9]))
        self.flows = _Scale(3, width, blocks, scales, activation_scale if activation else None)

    def forward(self, values: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Images:
        """Images to (latents, log|det| for each image); with `generate`, latents to images."""
        if generate:
            return torch.tanh(self.logits(values))
        logits, log_determinant = self.to_logits(values)
        latents, couplings = self.flows(logits)
        return latents, log_determinant + couplings

    def logits(self, latents: Maps) -> Maps:
        return self.flows(latents, generate=True)

    def to_logits(self, images: Images) -> tuple[Maps, PerSample]:
        """The logit of the image, drawn in to 0.05..0.95, and the log-determinant up to what the release leaves out
        (its map starts at images in 0..1, with a constant of its own)."""
        bound = self.data_constraint
        share = (images * bound + 1) / 2
        logits = share.log() - (1 - share).log()
        slope = functional.softplus(logits) + functional.softplus(-logits)
        slope = slope - functional.softplus((1 - bound).log() - bound.log())
        return logits, slope.flatten(1).sum(1)


class _Scale(nn.Module):
    """Three couplings by checkerboard, three by channel, then the next scale on half of the channels; the last scale
    has four by checkerboard."""

    def __init__(self, channels: int, width: int, blocks: int, scales: int, activation: float | None = None) -> None:
        super().__init__()
        last = scales == 1
        turns = (False, True, False, True)[: 4 if last else 3]
        self.in_couplings = nn.ModuleList(CheckerboardCoupling(channels, width, blocks, turned=turn) for turn in turns)
        self.next_block = None
        if not last:
            sizes = (4 * channels, 2 * width, blocks)
            self.out_couplings = nn.ModuleList(ChannelCoupling(*sizes, turned=turn) for turn in turns)
            if activation is not None:
                self.out_couplings.insert(2, InvertibleTanh(activation))
            self.next_block = _Scale(2 * channels, 2 * width, blocks, scales - 1, activation)

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        if generate:
            return self._generate(maps)
        maps, total = _through(self.in_couplings, maps)
        if self.next_block is None:
            return maps, total
        maps, more = _through(self.out_couplings, squeeze(maps))
        inner, outer = squeeze_diagonally(unsqueeze(maps)).chunk(2, dim=1)
        inner, rest = self.next_block(inner)
        return unsqueeze_diagonally(torch.cat([inner, outer], 1)), total + more + rest

    def _generate(self, maps: Maps) -> Maps:
        if self.next_block is not None:
            inner, outer = squeeze_diagonally(maps).chunk(2, dim=1)
            maps = squeeze(unsqueeze_diagonally(torch.cat([self.next_block(inner, generate=True), outer], 1)))
            for coupling in reversed(self.out_couplings):
                maps = coupling(maps, generate=True)
            maps = unsqueeze(maps)
        for coupling in reversed(self.in_couplings):
            maps = coupling(maps, generate=True)
        return maps


def _through(couplings: nn.ModuleList, maps: Maps) -> tuple[Maps, PerSample]:
    total = maps.new_zeros(len(maps))
    for coupling in couplings:
        maps, log_determinant = coupling(maps)
        maps = maps.to(log_determinant.dtype)  # a tanh gives double precision
        total = total + log_determinant
    return maps, total


class _Coupling(nn.Module):
    """z = (x + t) exp(s) on the changed values, s = s_scale · tanh(raw) + s_shift."""

    parts, told = 1, 1  # parts of the channels, one of which is changed, and planes that tell which values those are

    def __init__(self, channels: int, width: int, blocks: int, *, turned: bool) -> None:
        super().__init__()
        self.turned, channels = turned, channels // self.parts
        self.s_scale, self.s_shift = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        self.st_norm = nn.BatchNorm2d(channels, affine=False)
        self.st_net = _ResidualNetwork(2 * channels + self.told, width, 2 * channels, blocks)

    def scale_and_shift(self, kept: Maps, mask: Tensor | None = None) -> tuple[Maps, Maps]:
        """(s, t); the network sees positive and negative part of the kept values, normalised, and which they are."""
        normal = self.st_norm(kept)
        normal = normal if mask is None else 2 * normal  # half of the values are zero, which halves the deviation
        seen = functional.relu(torch.cat([normal, -normal], 1))
        if mask is not None:
            seen = torch.cat([seen, mask.expand(len(seen), -1, -1, -1)], 1)
        raw, shift = self.st_net(seen).chunk(2, dim=1)
        return self.s_scale * torch.tanh(raw) + self.s_shift, shift


class CheckerboardCoupling(_Coupling):
    """Changes every other pixel."""

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        mask = checkerboard(maps, self.turned)
        scale, shift = self.scale_and_shift(maps * mask, mask)
        scale, shift = scale * (1 - mask), shift * (1 - mask)
        if generate:
            return maps * torch.exp(-scale) - shift
        return (maps + shift) * torch.exp(scale), scale.flatten(1).sum(1)


class ChannelCoupling(_Coupling):
    """Changes the first half of the channels (the second, if turned)."""

    parts, told = 2, 0

    def forward(self, maps: Maps, generate: bool = False) -> tuple[Maps, PerSample] | Maps:
        changed, kept = maps.chunk(2, dim=1) if not self.turned else maps.chunk(2, dim=1)[::-1]
        scale, shift = self.scale_and_shift(kept)
        changed = changed * torch.exp(-scale) - shift if generate else (changed + shift) * torch.exp(scale)
        maps = torch.cat([kept, changed] if self.turned else [changed, kept], 1)
        return maps if generate else (maps, scale.flatten(1).sum(1))


class _ResidualNetwork(nn.Module):
    """Residual blocks whose outputs are also added up along the way."""

    def __init__(self, channels: int, width: int, out: int, blocks: int) -> None:
        super().__init__()
        self.in_conv = WeightNormConvolution(channels, width, 3)
        self.in_skip = WeightNormConvolution(width, width, 1)
        self.blocks = nn.ModuleList(_ResidualBlock(width) for _ in range(blocks))
        self.skips = nn.ModuleList(WeightNormConvolution(width, width, 1) for _ in range(blocks))
        self.out_norm = nn.BatchNorm2d(width)
        self.out_conv = WeightNormConvolution(width, out, 1)

    def forward(self, maps: Maps) -> Maps:
        maps = self.in_conv(maps)
        total = self.in_skip(maps)
        for block, skip in zip(self.blocks, self.skips, strict=True):
            maps = block(maps)
            total = total + skip(maps)
        return self.out_conv(functional.relu(self.out_norm(total)))


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_norm, self.out_norm = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.in_conv = WeightNormConvolution(width, width, 3, bias=False)
        self.out_conv = WeightNormConvolution(width, width, 3)

    def forward(self, maps: Maps) -> Maps:
        inner = self.in_conv(functional.relu(self.in_norm(maps)))
        return maps + self.out_conv(functional.relu(self.out_norm(inner)))


class WeightNormConvolution(nn.Module):
    """A convolution with weight g · v / ‖v‖, the norm taken for each output channel (Salimans and Kingma 2016)."""

    def __init__(self, channels: int, out: int, size: int, *, bias: bool = True) -> None:
        super().__init__()
        plain = nn.Conv2d(channels, out, size, bias=bias)
        self.weight_v = nn.Parameter(plain.weight.detach())
        self.weight_g = nn.Parameter(plain.weight.detach().flatten(1).norm(dim=1).view(-1, 1, 1, 1))
        self.bias = plain.bias
        self.padding = size // 2

    def forward(self, maps: Maps) -> Maps:
        norm = self.weight_v.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        return functional.conv2d(maps, self.weight_v * (self.weight_g / norm), self.bias, padding=self.padding)


def checkerboard(maps: Maps, turned: bool = False) -> Float[Tensor, "1 1 height width"]:
    """1 where row + column is odd (even, if turned), 0 elsewhere."""
    rows, columns = (torch.arange(size, device=maps.device) for size in maps.shape[2:])
    return ((rows[:, None] + columns + turned) % 2).to(maps.dtype)[None, None]


DIAGONAL = (0, 3, 1, 2)  # of the four pixels of a square, in reading order: the diagonal pair first


def squeeze_diagonally(maps: Maps) -> Maps:
    """Each 2×2 square becomes four groups of channels: upper left, lower right, upper right, lower left."""
    grouped = squeeze(maps).unflatten(1, (-1, 4))
    return grouped[:, :, DIAGONAL].transpose(1, 2).flatten(1, 2)


def unsqueeze_diagonally(maps: Maps) -> Maps:
    """Inverse of `squeeze_diagonally`."""
    grouped = maps.unflatten(1, (4, -1)).transpose(1, 2)
    return unsqueeze(grouped[:, :, [DIAGONAL.index(place) for place in range(4)]].flatten(1, 2))
