"""What the two-stream backbones share: a stem per modality, then layers 1 to 4, with non-local blocks between."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid.layers.checks import check_images
from vireid_lib.reid.layers.non_local import NonLocal


class TwoStreamBackbone(nn.Module):
    """Images of two modalities → maps with `channels` channels. Subclasses say the `widths` of their layers.

    Args:
        stem: makes a modality's stem.
        layers: make layers 1 to 4, each a sequence of residual blocks.
        non_local: layer → how many of its last blocks a non-local block follows each.
        shared_from: the first layer that both modalities share, 1 to 4; each stem has its own copies of those before.

    Raises:
        ValueError: a layer with non-local blocks is not shared.
    """

    widths: ClassVar[Mapping[str, int]]

    def __init__(
        self,
        stem: Callable[[], nn.Module],
        layers: Sequence[Callable[[], nn.Sequential]],
        *,
        non_local: Mapping[str, int],
        shared_from: int,
    ) -> None:
        super().__init__()
        self.channels = self.widths[f"layer{len(layers)}"]
        self.shared = tuple(f"layer{index}" for index in range(shared_from, len(layers) + 1))
        if not non_local.keys() <= set(self.shared):
            raise ValueError(
                f"shared_from is {shared_from}, but the non-local blocks stand in the shared {' and '.join(non_local)}: "
                "set non_local to False."
            )
        self.stems = nn.ModuleDict({"visible": stem(), "infrared": stem()})
        for index, make in enumerate(layers, 1):
            for holder in (self,) if index >= shared_from else self.stems.values():
                holder.add_module(f"layer{index}", make())
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.non_local = nn.ModuleDict(
            {
                layer: nn.ModuleList(NonLocal(self.widths[layer]) for _ in range(count))
                for layer, count in non_local.items()
            }
        )

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Float[Tensor, "batch maps h w"]:
        """What comes before the shared layers: the low-level map of images of one modality."""
        check_images(images, modality)
        return self.stems[modality](images)

    def trunk(
        self, maps: Float[Tensor, "batch channels h w"], layers: Iterable[str] | None = None
    ) -> Float[Tensor, "batch channels2 h2 w2"]:
        """Pass maps, of either or both modalities, through the shared layers, or some of them ("layer1", …)."""
        for layer in self.shared if layers is None else layers:
            blocks = getattr(self, layer)
            between = self.non_local[layer] if layer in self.non_local else ()
            for place, block in enumerate(blocks, len(between) - len(blocks)):
                maps = block(maps)
                if place >= 0:
                    maps = between[place](maps)
        return maps
