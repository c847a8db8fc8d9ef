"""Hiding parts of the picture."""

import torch
from torch import Generator

from vireid_lib.data.augment.draws import Images, chosen

# As in the released random erasing; whatever does not fit after so many tries is left as it is.
ERASING_TRIES = 100

CHANNEL_FILL = (0.4914, 0.4822, 0.4465)  # red, green, blue in CAJ's release


def random_erasing(
    images: Images,
    generator: Generator,
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: float = 0.3,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Images:
    """Fill a random rectangle of each image with a constant, with a probability.

    Source: Zhong et al., Random Erasing Data Augmentation, AAAI 2020, algorithm 1, with the released code's
    defaults. DEEN's release takes areas 0.2 to 0.8 on SYSU-MM01 and 0.02 to 0.4 elsewhere.

    Args:
        area: the rectangle's share of the image, drawn uniformly in between.
        aspect: the rectangle's height over width is drawn uniformly between this and its inverse.
        fill: the value per channel; the released code takes the mean, which after `normalise` is 0.
    """
    batch, _, height, width = images.shape
    erased = chosen(images, generator, probability)
    shape = (4, batch, ERASING_TRIES)
    draws = torch.rand(shape, generator=generator, device=generator.device).to(images.device)
    wanted = (area[0] + (area[1] - area[0]) * draws[0]) * height * width
    ratio = aspect + (1 / aspect - aspect) * draws[1]
    tall = (wanted * ratio).sqrt().round()
    wide = (wanted / ratio).sqrt().round()
    fits = (tall < height) & (wide < width)
    first = fits.int().argmax(dim=1, keepdim=True)  # the first try that fits
    tall, wide, down, right = (each.gather(1, first)[:, :, None] for each in (tall, wide, *draws[2:]))
    top = (down * (height - tall + 1)).floor()
    left = (right * (width - wide + 1)).floor()
    row = torch.arange(height, device=images.device)[None, :, None]
    column = torch.arange(width, device=images.device)[None, None, :]
    inside = (row >= top) & (row < top + tall) & (column >= left) & (column < left + wide)
    inside = inside[:, None] & erased & fits.any(dim=1)[:, None, None, None]
    return torch.where(inside, images.new_tensor(fill)[:, None, None], images)


def channel_erasing(
    images: Images, generator: Generator, probability: float = 0.5, area: tuple[float, float] = (0.02, 0.4)
) -> Images:
    """Random erasing with a constant of its own for each colour channel, with a probability.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021; the constants are the release's, which applies
    them to normalised images: the rectangle comes out a little brighter than the mean, and not quite grey.
    """
    return random_erasing(images, generator, probability, area, fill=CHANNEL_FILL)
