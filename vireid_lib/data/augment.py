"""Random changes to training images: batched tensor operations, every draw from an explicit generator.

All take and return images [batch, 3, height, width]; none changes its input. Random numbers are drawn on the
generator's device, so a CPU generator gives the same pictures on every device.
"""

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional

Images = Float[Tensor, "batch 3 height width"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of CAJ, DEN and of Pillow's greyscale

# As in the released random erasing; whatever does not fit after so many tries is left as it is.
ERASING_TRIES = 100


def horizontal_flip(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Mirror each image left to right with a probability."""
    return torch.where(_chosen(images, generator, probability), images.flip(3), images)


def pad_and_crop(images: Images, generator: Generator, padding: int = 10) -> Images:
    """Shift each image by up to `padding` pixels in both directions, filling with zeros.

    This is padding followed by a random crop of the old size; 10 pixels at 288×144 in AGW, CAJ and DEEN.
    """
    batch, _, height, width = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator, device=generator.device).to(
        images.device
    )
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    padded = functional.pad(images, (padding,) * 4)
    which = torch.arange(batch, device=images.device)[:, None, None]
    # Indices on both sides of a slice put the channels last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


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
    erased = _chosen(images, generator, probability)
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


def grey(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Make each image grey with a probability: its luminance in all three channels.

    The weights add up to one, so a normalised image may be given as well.
    """
    luminance = (images * images.new_tensor(LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)
    return torch.where(_chosen(images, generator, probability), luminance, images)


def channel_exchange(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Replace each image, with a probability, by one of its own channels, repeated three times.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, section 3.1: a visible image thereby loses
    its colours in a way that infrared images share.
    """
    chosen = _chosen(images, generator, probability)
    batch = len(images)
    channel = torch.randint(0, 3, (batch,), generator=generator, device=generator.device).to(images.device)
    single = images[torch.arange(batch, device=images.device), channel][:, None]
    return torch.where(chosen, single, images)


def normalise(
    images: Images,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Images:
    """Return (images − mean) / std per channel, for images in 0..1; defaults are ImageNet's."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[:, None, None]


def _chosen(images: Tensor, generator: Generator, probability: float) -> Bool[Tensor, "batch 1 1 1"]:
    """Return which images a change is made to."""
    draws = torch.rand(len(images), generator=generator, device=generator.device)
    return (draws < probability).to(images.device)[:, None, None, None]
