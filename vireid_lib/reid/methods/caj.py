"""CAJ: each visible image is shown twice, once with its colour channels exchanged; enhanced squared triplet.

Ye, Ruan, Du, Shou: "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021.
"""

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from vireid_lib.data import augment
from vireid_lib.reid.layers.network import Output
from vireid_lib.reid.losses.divergences import kl_divergence
from vireid_lib.reid.losses.shapes import Form
from vireid_lib.reid.losses.triplets import enhanced_squared_triplet
from vireid_lib.reid.method import Batch
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod


class CajConfig(TwoStreamConfig):
    """The defaults are those of CAJ's release (ICCV21_CAJ, train_ext.py with the options of its README, testa.py and
    data_loader.py): AGW's network, optimiser and schedule, on both SYSU-MM01 and RegDB.

    A training batch holds 8×4 visible images as they are, the same images in another crop with their channels
    exchanged, and 8×4 infrared ones.

    Attributes:
        erasing: probability of channel erasing, in every image.
        channel_exchange, grey: of the second view of a visible image: probability of showing one of its channels in all
            three, and, of what is not exchanged, of showing its luminance.
        infrared_exchange, infrared_grey: the same of infrared images: the release picks one of red, green, blue and
            neither, and makes half of the last grey.
        form: "release" erases, exchanges and makes grey after the images are normalised; "paper" before, while the
            channels are those of an image.
        sharpness, scale, squared: of the triplet loss, the release's alpha, gamma and square.
        consistency, temperature: weight and temperature of the KL divergence of the predictions for the visible images
            from those for the infrared ones of the same identity; off in the release.
    """

    ORIGINS = {"release": ("*",)}
    SMALL = {"channel_exchange": 1.0}

    method: str = "caj"
    epochs: int = Field(default=100, ge=1)
    flip_at_test: bool = True
    erasing: float = Field(default=0.5, ge=0, le=1)
    channel_exchange: float = Field(default=1.0, ge=0, le=1)
    grey: float = Field(default=0.0, ge=0, le=1)
    infrared_exchange: float = Field(default=0.75, ge=0, le=1)
    infrared_grey: float = Field(default=0.5, ge=0, le=1)
    form: Form = "release"
    sharpness: float = Field(default=1.0, gt=0)
    scale: float = Field(default=1.0, gt=0)
    squared: bool = True
    consistency: float = Field(default=0.0, ge=0)
    temperature: float = Field(default=3.0, gt=0)


class Caj(TwoStreamMethod):
    config_class = CajConfig
    config: CajConfig

    def augment(self, batch: Batch) -> Batch:
        config, generator = self.config, batch.generator
        plain = self.view(batch.visible, generator)
        exchanged = self.view(batch.visible, generator, config.channel_exchange, config.grey)
        return replace(
            batch,
            visible=torch.cat((plain, exchanged)),
            visible_labels=batch.visible_labels.repeat(2),
            infrared=self.view(batch.infrared, generator, config.infrared_exchange, config.infrared_grey),
        )

    def view(self, images: Tensor, generator: torch.Generator, exchange: float = 0.0, grey: float = 0.0) -> Tensor:
        """The network's input: images in 0..1, shifted, mirrored, erased, with other colours."""
        images = self.move(images, generator)
        if self.config.form == "release":
            images = augment.normalise(images)
        images = augment.channel_augmentation(images, generator, self.config.erasing, exchange, grey)
        return augment.normalise(images) if self.config.form == "paper" else images

    def metric_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        options = {"sharpness": config.sharpness, "scale": config.scale, "squared": config.squared}
        terms = {"triplet": enhanced_squared_triplet(output.pooled, batch.labels, **options)}
        if config.consistency:
            plain, _, infrared = output.logits.split((len(batch.visible) // 2,) * 2 + (len(batch.infrared),))
            divergence = kl_divergence(plain, infrared, temperature=config.temperature)
            terms["consistency"] = config.consistency * divergence
        return terms


METHOD = Caj
