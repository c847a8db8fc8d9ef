"""Pattern alignment: one feature per learnt pattern, and the feature of the whole image (MPANet)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Map = Float[Tensor, "batch channels height width"]
Patterns = Float[Tensor, "batch patterns height width"]


class PatternAlignment(nn.Module):
    """Attention maps of n patterns (6 in the released configurations); each weighs the feature map before it is
    averaged (Wu et al., CVPR 2021).

    Both modalities share the patterns, so that feature i is about the same thing in each of them.
    `losses.pattern_separation` keeps the patterns apart.
    """

    def __init__(self, channels: int, patterns: int = 6) -> None:
        super().__init__()
        self.attention = nn.Conv2d(channels, patterns, 1)
        nn.init.zeros_(self.attention.bias)

    def forward(self, maps: Map) -> Float[Tensor, "batch features"]:
        """[B, C, h, w] → [B, (n + 1)·C]: the patterns in order, the plain mean last."""
        return self.describe(maps, self.patterns(maps))

    def patterns(self, maps: Map) -> Patterns:
        """Attention of each pattern at each place, 0..1: [B, n, h, w]."""
        return self.attention(maps).sigmoid()

    def describe(self, maps: Map, patterns: Patterns) -> Float[Tensor, "batch features"]:
        """The features of `forward` for given attention maps."""
        places = maps.flatten(2)
        parts = patterns.flatten(2) @ places.transpose(1, 2) / places.shape[2]
        return torch.cat((parts.flatten(1), places.mean(dim=2)), dim=1)
