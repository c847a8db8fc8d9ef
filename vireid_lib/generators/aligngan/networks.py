"""AlignGAN's feature network, its classifier, its discriminators of images and of pairs of image and features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.augment import normalise
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.base.networks import Images, LabelledGenerator, draw_weights, normed, patch_layers
from vireid_lib.reid.layers.backbones import TwoStreamResNet50, TwoStreamSmall, check_images
from vireid_lib.reid.layers.network import average_pool
from vireid_lib.reid.pretrained import load_imagenet

Maps = Float[Tensor, "batch channels h w"]


class FeatureNetwork(nn.Module):
    """Infrared images in -1..1, real or generated, to maps, features and embeddings: one stream, for one modality."""

    def __init__(self, config: AlignGanConfig, *, pretrained: bool = True) -> None:
        super().__init__()
        self.size = (config.feature_height, config.feature_width)
        self.backbone = (TwoStreamSmall if config.backbone == "small" else TwoStreamResNet50)(non_local=False)
        if pretrained and config.pretrained is not None:
            load_imagenet(self.backbone, config.pretrained)
        del self.backbone.stems["visible"]
        self.embedder = nn.Linear(self.backbone.channels, config.embedding)

    def forward(self, images: Images) -> Maps:
        if images.shape[2:] != self.size:
            images = functional.interpolate(images, self.size, mode="bilinear", align_corners=False)
        return self.backbone.trunk(self.backbone.stem(normalise((images + 1) / 2), "infrared"))


class Classifier(nn.Sequential):
    """Pooled maps to identities: dropout, a narrow layer, and the classes."""

    def __init__(self, config: AlignGanConfig, channels: int, identities: int) -> None:
        super().__init__(
            nn.Dropout(config.dropout),
            nn.Linear(channels, config.embedding),
            nn.BatchNorm1d(config.embedding),
            nn.LeakyReLU(0.1),
            nn.Linear(config.embedding, identities),
        )
        nn.init.normal_(self[-1].weight, std=0.001)
        nn.init.zeros_(self[-1].bias)


class AlignedNetwork(nn.Module):
    """What AlignGAN is scored by: visible images are first shown as infrared ones. Takes normalised images, as every
    ReID network of the library does."""

    def __init__(self, to_infrared: nn.Module, network: FeatureNetwork) -> None:
        super().__init__()
        self.to_infrared, self.network = to_infrared, network
        black = normalise(torch.zeros(1, 3, 1, 1))
        self.register_buffer("black", black, persistent=False)
        self.register_buffer("range", normalise(torch.ones(1, 3, 1, 1)) - black, persistent=False)

    def features(self, images: Images, modality: str) -> Float[Tensor, "batch dim"]:
        """The feature for retrieval: the pooled maps. Raises ValueError for an unknown modality."""
        return self.describe(self.feature_map(images, modality))

    def feature_map(self, images: Images, modality: str) -> Maps:
        """The map before pooling, for attention and Grad-CAM pictures; of a visible image, that of its translation."""
        check_images(images, modality)
        images = (images - self.black) / self.range * 2 - 1
        if modality == "visible":
            images = self.to_infrared(images)
        return self.network(images)

    describe = staticmethod(average_pool)


def image_discriminator(*, width: int = 64, halvings: int = 5) -> nn.Module:
    """Images to a score for each patch, 1 for real ones: convolutions of stride 2; all but the first are normalised."""
    layers = patch_layers(width, (2,) * halvings, 2**halvings)
    return nn.Sequential(*layers, nn.Conv2d(width * 2 ** (halvings - 1), 1, 3, 1, 1, bias=False)).apply(draw_weights)


class PairDiscriminator(nn.Module):
    """The joint discriminator: are image and features both real, infrared and of one identity? The features, of so many
    channels, join the image where two halvings are left."""

    def __init__(self, channels: int, *, width: int = 64, halvings: int = 5) -> None:
        super().__init__()
        own = width * 2 ** (halvings - 3)
        self.image = nn.Sequential(*patch_layers(width, (2,) * (halvings - 2), 2**halvings))
        self.features = nn.Sequential(nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2))
        pairs = ((own + width, 2 * own), (2 * own, 4 * own))
        halved = [normed(nn.Conv2d(*pair, 4, 2, 1), activation=nn.LeakyReLU(0.2)) for pair in pairs]
        self.both = nn.Sequential(*halved[0], *halved[1])
        self.score = nn.Conv2d(4 * own, 1, 3, 1, 1, bias=False)
        self.apply(draw_weights)

    def forward(self, images: Images, maps: Maps) -> Float[Tensor, "batch 1 rows columns"]:
        seen = self.image(images)
        told = functional.interpolate(self.features(maps), seen.shape[2:], mode="bilinear", align_corners=False)
        return self.score(self.both(torch.cat((seen, told), 1)))


def make_generator(config: AlignGanConfig) -> LabelledGenerator:
    """One fresh generator: StarGAN's, without labels."""
    return LabelledGenerator(**config.generator_sizes, small_weights=True)
