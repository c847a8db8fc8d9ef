"""MPANet's backbones: one stem for both modalities, modality alleviation after stages 3 and 4."""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.reid import small
from vireid_lib.reid.layers import ModalityAlleviation, check_images
from vireid_lib.reid.resnet import TwoStreamResNet50

STAGES = ("layer1", "layer2", "layer3", "layer4")


class SingleStream:
    """Turns a two-stream backbone without non-local blocks into MPANet's; same interface."""

    def _share(self, widths: dict[str, int]) -> None:
        self.stems = nn.ModuleDict({"shared": self.stems["visible"]})
        self.alleviation = nn.ModuleDict({stage: ModalityAlleviation(width) for stage, width in widths.items()})

    def stem(self, images: Float[Tensor, "batch 3 height width"], modality: str) -> Float[Tensor, "batch channels h w"]:
        """Low-level map of images of either modality. A training batch passes as one, which its batch
        normalisation notices; `modality` serves the check of the images alone."""
        check_images(images, modality)
        return self.stems["shared"](images)

    def trunk(
        self, maps: Float[Tensor, "batch channels h w"], layers: Iterable[str] = STAGES
    ) -> Float[Tensor, "batch channels2 h2 w2"]:
        """Pass maps, of either or both modalities, through the stages."""
        for stage in layers:
            maps = getattr(self, stage)(maps)
            if stage in self.alleviation:
                maps = self.alleviation[stage](maps)
        return maps


class SingleStreamResNet50(SingleStream, TwoStreamResNet50):
    """ResNet-50, last stride 1: an image of 384×128 becomes a map of 24×8 with 2,048 channels."""

    def __init__(self) -> None:
        super().__init__(non_local=False)
        self._share({"layer3": 1024, "layer4": 2048})


class SingleStreamSmall(SingleStream, small.TwoStreamSmall):
    """The miniature world's network: 64×32 becomes a map of 8×4."""

    def __init__(self) -> None:
        super().__init__(non_local=False)
        self._share({"layer3": small.WIDTHS[2], "layer4": small.WIDTHS[3]})
