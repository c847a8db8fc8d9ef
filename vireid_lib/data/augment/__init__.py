"""Random changes to training images: batched tensor operations, every draw from an explicit generator.

All take and return images [batch, 3, height, width]; none changes its input. Random numbers are drawn on the
generator's device, so a CPU generator gives the same pictures on every device.
"""

from vireid_lib.data.augment.channel_augmentation import channel_augmentation
from vireid_lib.data.augment.colour import LUMINANCE, channel_exchange, grey, hue, hue_grey, turn_hue
from vireid_lib.data.augment.erasing import channel_erasing, random_erasing
from vireid_lib.data.augment.geometry import horizontal_flip, pad_and_crop
from vireid_lib.data.augment.normalisation import IMAGENET_MEAN, IMAGENET_STD, normalise

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LUMINANCE",
    "channel_augmentation",
    "channel_erasing",
    "channel_exchange",
    "grey",
    "horizontal_flip",
    "hue",
    "hue_grey",
    "normalise",
    "pad_and_crop",
    "random_erasing",
    "turn_hue",
]
