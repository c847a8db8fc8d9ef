"""MPANet's network with a second head for generated images, so that they are learnt apart (Flow2Flow)."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vireid_lib.reid.layers import check_images
from vireid_lib.reid.network import Images
from vireid_lib.reid.pattern_network import PatternNetwork, PatternOutput

Maps = Float[Tensor, "rows channels h w"]


class _Elsewhere(nn.Module):
    """Stands for a backbone that belongs to another module."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels


class ExpandedPatternNetwork(PatternNetwork):
    """One backbone; all that follows it is there twice, once for real and once for generated images.

    The feature for retrieval is what both heads say of the image, side by side: 2 · (n + 1) · C values.

    Args:
        backbone, identities, patterns, centres: as in `PatternNetwork`.
    """

    def __init__(self, backbone: nn.Module, identities: int, *, patterns: int = 6, centres: bool = False) -> None:
        super().__init__(backbone, identities, patterns=patterns, centres=centres)
        elsewhere = _Elsewhere(backbone.channels)
        self.generated = PatternNetwork(elsewhere, identities, patterns=patterns, centres=centres)

    def forward(
        self,
        visible: Float[Tensor, "visible channels height width"],
        infrared: Float[Tensor, "infrared channels height width"],
        real: Bool[Tensor, " rows"],
        generated: Bool[Tensor, " rows"],
    ) -> Mapping[str, PatternOutput]:
        """One training pass: "real" and "generated" rows, each by their own head; a kind without rows has no output.

        Args:
            real, generated: of the visible images, then of the infrared ones. A row may be neither.
        """
        check_images(visible, "visible")
        check_images(infrared, "infrared")
        maps = self.backbone.trunk(self.backbone.stem(torch.cat((visible, infrared)), "visible"))
        heads = {"real": (super().head, real), "generated": (self.generated.head, generated)}
        return {
            kind: head(maps[own], int(own[: len(visible)].sum())) for kind, (head, own) in heads.items() if own.any()
        }

    def pooled(self, images: Images, modality: str) -> Float[Tensor, "batch both"]:
        """Both heads' features before their BN necks, side by side."""
        maps = self.feature_map(images, modality)
        return torch.cat((self.pool(maps), self.generated.pool(maps)), dim=1)

    def describe(self, maps: Maps) -> Float[Tensor, "batch both"]:
        """Both heads' features after their BN necks, side by side."""
        return torch.cat((super().describe(maps), self.generated.describe(maps)), dim=1)

    @torch.no_grad()
    def update_teachers(self, rate: float) -> None:
        """See `PatternNetwork.update_teachers`; both heads'."""
        super().update_teachers(rate)
        self.generated.update_teachers(rate)
