"""Random changes to training images: batched tensor operations, every draw from an explicit generator.

All take and return images [batch, 3, height, width]; none changes its input. Random numbers are drawn on the
generator's device, so a CPU generator gives the same pictures on every device.
"""

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional

from vireid_lib.data.grey import LUMINANCE

Images = Float[Tensor, "batch 3 height width"]


def _uniform(images: Tensor, generator: Generator) -> Float[Tensor, " batch"]:
    """A number in [0, 1) for each image."""
    return torch.rand(len(images), generator=generator, device=generator.device).to(images.device)


def _chosen(images: Tensor, generator: Generator, probability: float) -> Bool[Tensor, "batch 1 1 1"]:
    """Which images a change is made to: each with the same probability."""
    return (_uniform(images, generator) < probability)[:, None, None, None]


def horizontal_flip(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Mirror each image left to right with a probability."""
    return torch.where(_chosen(images, generator, probability), images.flip(3), images)


def pad_and_crop(images: Images, generator: Generator, padding: int = 10, fill: float = 0.0) -> Images:
    """Shift each image by up to `padding` pixels in both directions, filling with a constant.

    This is padding followed by a random crop of the old size; 10 pixels of black at 288×144 in AGW, CAJ and
    DEEN, of grey (127 of 255) at 384×128 in MPANet.
    """
    batch, _, height, width = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator, device=generator.device)
    offsets = offsets.to(images.device)
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    padded = functional.pad(images, (padding,) * 4, value=fill)
    which = torch.arange(batch, device=images.device)[:, None, None]
    # Indices on both sides of a slice put the channels last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


ERASING_TRIES = 100  # as in the released random erasing; what does not fit then is left as it is

CHANNEL_FILL = (0.4914, 0.4822, 0.4465)
"""Red, green, blue of CAJ's channel erasing. The release applies them to normalised images: the rectangle comes out a
little brighter than the mean, and not quite grey."""


def random_erasing(
    images: Images,
    generator: Generator,
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: float = 0.3,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Images:
    """Fill a random rectangle of each image with a constant, with a probability.

    Source: Zhong et al., Random Erasing Data Augmentation, AAAI 2020, algorithm 1, with the released code's defaults.
    DEEN's release takes areas 0.2 to 0.8 on SYSU-MM01 and 0.02 to 0.4 elsewhere.

    Args:
        area: the rectangle's share of the image, drawn uniformly in between.
        aspect: its height over width is drawn uniformly between this and the inverse.
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


def luminance(images: Float[Tensor, "*batch 3 h w"]) -> Float[Tensor, "*batch 1 h w"]:
    """The luminance of each pixel, in the images' own unit. Of arrays: `vireid_lib.data.grey.luminance`."""
    return (images * images.new_tensor(LUMINANCE)[:, None, None]).sum(dim=-3, keepdim=True)


def grey(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Make each image, normalised or not, grey with a probability: its luminance in all three channels."""
    return torch.where(_chosen(images, generator, probability), luminance(images), images)


def channel_exchange(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Replace each image, with a probability, by one of its own channels, repeated three times. Source: Ye et al.,
    Channel Augmented Joint Learning, ICCV 2021, section 3.1."""
    replaced = _chosen(images, generator, probability)
    channel = torch.randint(0, 3, (len(images),), generator=generator, device=generator.device).to(images.device)
    single = images[torch.arange(len(images), device=images.device), channel][:, None]
    return torch.where(replaced, single, images)


def hue(images: Images, generator: Generator, probability: float = 1.0) -> Images:
    """Turn the hue of each image, in 0..1, with a probability, by one random angle in [0°, 360°) for all of its pixels.
    Saturation and value (of HSV) stay. Source: DEN (Kim et al., WACV 2024), section 3.3."""
    changed = _chosen(images, generator, probability)
    return torch.where(changed, turn_hue(images, _uniform(images, generator)), images)


def hue_grey(images: Images, generator: Generator, probability: float = 1.0) -> Images:
    """HueGray: `hue`, then the luminance in all three channels. Source: as there."""
    changed = _chosen(images, generator, probability)
    return torch.where(changed, luminance(turn_hue(images, _uniform(images, generator))), images)


def turn_hue(images: Images, angles: Float[Tensor, " batch"]) -> Images:
    """Turn the hue of each image, in 0..1, by its own angle, in turns: 1 is 360°."""
    red, green, blue = images.unbind(1)
    value, place = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    safe = torch.where(chroma == 0, 1, chroma)  # a grey pixel has no hue, and none is needed for it
    sixths = torch.stack(((green - blue) / safe, 2 + (blue - red) / safe, 4 + (red - green) / safe), dim=1)
    sixth = sixths.gather(1, place[:, None])[:, 0] + 6 * angles.to(images.dtype)[:, None, None]
    ramps = [(start + sixth) % 6 for start in (5, 3, 1)]  # red, green, blue
    return torch.stack([value - chroma * torch.minimum(ramp, 4 - ramp).clamp(0, 1) for ramp in ramps], dim=1)


def channel_augmentation(
    images: Images, generator: Generator, erasing: float = 0.0, exchange: float = 0.0, greying: float = 0.0
) -> Images:
    """Channel erasing (a constant for each channel), exchange, then grey, each with its probability; 0 leaves it out.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, in its release's order. An image that was
    exchanged has three equal channels, so that greying leaves it as it is.
    """
    if erasing:
        images = random_erasing(images, generator, erasing, fill=CHANNEL_FILL)
    if exchange:
        images = channel_exchange(images, generator, exchange)
    return grey(images, generator, greying) if greying else images


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Images) -> Images:
    """(images − mean) / std per channel, by ImageNet's; of images in 0..1."""
    return (images - images.new_tensor(IMAGENET_MEAN)[:, None, None]) / images.new_tensor(IMAGENET_STD)[:, None, None]
