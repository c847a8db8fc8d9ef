"""Two networks that are trained side by side, as one module: co-teaching (DART)."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.network import Images, Output, TwoStreamNetwork


class NetworkPair(nn.Module):
    """Two networks of the same form with their own weights; the retrieval feature is the mean of theirs.

    Each sees its own half of a training batch. `feature_map`, `pool`, `reduce` and `bottleneck` work on the maps
    and features of both side by side, so that Grad-CAM explains the pair.

    Args:
        first, second: the networks.

    Attributes:
        clean: [network, view, row]: the probability that a row's label is right, as found by each network for each
            of two views; 1 until it has been looked at. A buffer: checkpoints keep it.
    """

    def __init__(self, first: TwoStreamNetwork, second: TwoStreamNetwork) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.width = first.width
        self.clean: Float[Tensor, "2 2 rows"]
        self.register_buffer("clean", torch.ones(2, 2, 0))

    def make_room(self, rows: int) -> None:
        """Start anew with `rows` images, all of them trusted."""
        self.clean = torch.ones(2, 2, rows, device=self.clean.device)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As for every module; there may be any number of rows."""
        if "clean" in state_dict:
            self.make_room(state_dict["clean"].shape[2])
        return super().load_state_dict(state_dict, *args, **kwargs)

    def forward(
        self,
        visible: Float[Tensor, "visible channels height width"],
        infrared: Float[Tensor, "infrared channels height width"],
    ) -> tuple[Output, Output]:
        """One training pass of each network on its half of the images.

        Raises:
            ValueError: a modality has no images, or an odd number of them.
        """
        for images, modality in ((visible, "visible"), (infrared, "infrared")):
            if len(images) == 0 or len(images) % 2:
                raise ValueError(
                    f"The batch has {len(images) or 'no'} {modality} images: two networks take half of them each, so "
                    "there must be some in each modality, and an even number."
                )
        (for_first, for_second), (and_first, and_second) = visible.chunk(2), infrared.chunk(2)
        return self.first(for_first, and_first), self.second(for_second, and_second)

    def feature_map(self, images: Images, modality: str) -> Float[Tensor, "batch maps h w"]:
        """The maps of both networks before pooling."""
        return torch.cat([network.feature_map(images, modality) for network in (self.first, self.second)], dim=1)

    def pool(self, maps: Float[Tensor, "batch maps h w"]) -> Float[Tensor, "batch pooled"]:
        """Both networks' maps, each pooled as it does."""
        first, second = maps.chunk(2, dim=1)
        return torch.cat((self.first.pool(first), self.second.pool(second)), dim=1)

    def reduce(self, pooled: Float[Tensor, "batch pooled"]) -> Float[Tensor, "batch both"]:
        """Both networks' pooled features, as their triplet losses see them."""
        first, second = pooled.chunk(2, dim=1)
        return torch.cat((self.first.reduce(first), self.second.reduce(second)), dim=1)

    def bottleneck(self, both: Float[Tensor, "batch both"]) -> Float[Tensor, "batch dim"]:
        """The mean of both networks' unit features after the BN neck; shorter than 1 where they disagree."""
        first, second = both.chunk(2, dim=1)
        return (F.normalize(self.first.bottleneck(first)) + F.normalize(self.second.bottleneck(second))) / 2

    def pooled(self, images: Images, modality: str) -> Float[Tensor, "batch both"]:
        """Both networks' features before the BN neck, side by side."""
        return self.reduce(self.pool(self.feature_map(images, modality)))

    def features(self, images: Images, modality: str) -> Float[Tensor, "batch dim"]:
        """The feature for retrieval: the mean of the networks' unit features, to be ranked by inner products."""
        return self.describe(self.feature_map(images, modality))

    def describe(self, maps: Float[Tensor, "batch maps h w"]) -> Float[Tensor, "batch dim"]:
        """The feature for retrieval of both networks' maps, as `feature_map` gives them."""
        return self.bottleneck(self.reduce(self.pool(maps)))
