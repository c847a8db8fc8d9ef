"""The set-level encoder, which is also the modality-invariant one, and the instance-level encoder behind it."""

import contextlib
from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.augment import normalise
from vireid_lib.generators.base.networks import Images
from vireid_lib.reid.layers.backbones import SmallStem, TwoStreamResNet50, TwoStreamSmall, draw_weights
from vireid_lib.reid.pretrained import read_imagenet

Maps = Float[Tensor, "batch channels h w"]
GREY = (0.2989, 0.5870, 0.1140)  # the release's, four digits


class SetLevelEncoder(nn.Module):
    """Normalised images of either modality, turned to `grey` if so told, to maps of a quarter of their size (section
    3.3): ResNet-50 up to its first stage, 256 channels, with or without a ReLU before the max-pooling; or the small
    network's stem and first block, 32 channels."""

    def __init__(self, backbone: str, *, grey: bool = False, stem_relu: bool = True) -> None:
        super().__init__()
        self.grey, self.rectified = grey, stem_relu
        if backbone == "small":
            self.stem, self.layer1, self.channels = SmallStem(), TwoStreamSmall.layer(0)[0], TwoStreamSmall.widths[1]
        else:
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
            self.layer1, self.channels = TwoStreamResNet50.layer(0), TwoStreamResNet50.widths[1]
        draw_weights(self)

    def forward(self, images: Images) -> Maps:
        images = grey(images) if self.grey else images
        if hasattr(self, "stem"):
            return self.layer1(self.stem(images))
        maps = self.bn1(self.conv1(images))
        maps = functional.relu(maps) if self.rectified else maps
        return self.layer1(functional.max_pool2d(maps, 3, 2, 1))


class InstanceLevelEncoder(nn.Module):
    """The remaining stages, the last one without stride: maps of the set-level encoder to the maps T."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        kind = TwoStreamSmall if backbone == "small" else TwoStreamResNet50
        self.channels = kind.widths[-1]
        for place in (1, 2, 3):
            stage = kind.layer(place)
            self.add_module(f"layer{place + 1}", stage[0] if backbone == "small" else stage)
        draw_weights(self)

    def forward(self, maps: Maps) -> Maps:
        return self.layer4(self.layer3(self.layer2(maps)))


def grey(images: Images) -> Images:
    """The weighted sum of the channels in each of them."""
    weights = images.new_tensor(GREY)[:, None, None]
    return (images * weights).sum(1, keepdim=True).expand_as(images)


def network_input(pictures: Images, enlargement: int = 1) -> Float[Tensor, "batch 3 height2 width2"]:
    """Pictures in -1..1 as encoders take them: enlarged, in ImageNet's normalisation."""
    if enlargement != 1:
        pictures = functional.interpolate(pictures, scale_factor=enlargement, mode="bilinear")
    return normalise(pictures / 2 + 0.5)


def load_imagenet(encoders: list[nn.Module], source: str) -> None:
    """Start the stages from an ImageNet ResNet-50 (see `vireid_lib.reid.pretrained.read_imagenet`). Raises
    FileNotFoundError, ValueError: there is no such file, or it lacks a weight."""
    weights = read_imagenet(source)
    for encoder in encoders:
        absent = encoder.load_state_dict(weights, strict=False).missing_keys
        if lacking := sorted(name for name in absent if not name.endswith("num_batches_tracked")):
            raise ValueError(f"{source} is not a torchvision ResNet-50: it lacks {', '.join(lacking[:4])}.")


@contextlib.contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch normalisation takes the statistics of the batch, but the running ones stay: for generated images, which are
    not what the network is used on."""
    momenta = {each: each.momentum for each in module.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)}
    for norm in momenta:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
