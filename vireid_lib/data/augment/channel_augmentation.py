"""The view that CAJ and DART train on beside the plain one: erased, and with other colours."""

from torch import Generator

from vireid_lib.data.augment.colour import channel_exchange
from vireid_lib.data.augment.colour import grey as make_grey
from vireid_lib.data.augment.draws import Images
from vireid_lib.data.augment.erasing import channel_erasing


def channel_augmentation(
    images: Images, generator: Generator, erasing: float = 0.0, exchange: float = 0.0, grey: float = 0.0
) -> Images:
    """Channel erasing, then channel exchange, then grey, each with its probability; 0 leaves a change out.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, in its release's order. An image that was
    exchanged has three equal channels, so that `grey` leaves it as it is.
    """
    if erasing:
        images = channel_erasing(images, generator, erasing)
    if exchange:
        images = channel_exchange(images, generator, exchange)
    return make_grey(images, generator, grey) if grey else images
