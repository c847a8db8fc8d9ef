"""Taking colour away or changing it: what the two modalities do not share."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from vireid_lib.data.augment.draws import Images, chosen

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of CAJ, DEN and of Pillow's greyscale


def grey(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Make each image grey with a probability: its luminance in all three channels.

    The weights add up to one, so a normalised image may be given as well.
    """
    return torch.where(chosen(images, generator, probability), _luminance(images), images)


def channel_exchange(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Replace each image, with a probability, by one of its own channels, repeated three times.

    Source: Ye et al., Channel Augmented Joint Learning, ICCV 2021, section 3.1: a visible image thereby loses
    its colours in a way that infrared images share.
    """
    replaced = chosen(images, generator, probability)
    batch = len(images)
    channel = torch.randint(0, 3, (batch,), generator=generator, device=generator.device).to(images.device)
    single = images[torch.arange(batch, device=images.device), channel][:, None]
    return torch.where(replaced, single, images)


def hue(images: Images, generator: Generator, probability: float = 1.0) -> Images:
    """Turn the hue of each image, with a probability, by one random angle in [0°, 360°) for all of its pixels.

    Saturation and value (of HSV) stay. Source: DEN (Kim et al., WACV 2024), section 3.3.

    Args:
        images: in 0..1, not yet normalised.
    """
    changed = chosen(images, generator, probability)
    return torch.where(changed, turn_hue(images, _angles(images, generator)), images)


def hue_grey(images: Images, generator: Generator, probability: float = 1.0) -> Images:
    """HueGray: turn the hue by a random angle, then take the luminance in all three channels, with a probability.

    One visible image thereby has many grey versions, in which differently coloured garments change their order of
    brightness, as they do in infrared. Source: DEN (Kim et al., WACV 2024), section 3.3.

    Args:
        images: in 0..1, not yet normalised.
    """
    changed = chosen(images, generator, probability)
    return torch.where(changed, _luminance(turn_hue(images, _angles(images, generator))), images)


def turn_hue(images: Images, angles: Float[Tensor, " batch"]) -> Images:
    """Turn the hue of each image by its own angle, in turns: 1 is 360°.

    Args:
        images: in 0..1.
    """
    red, green, blue = images.unbind(1)
    value, place = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    safe = torch.where(chroma == 0, 1, chroma)  # a grey pixel has no hue, and none is needed for it
    sixths = torch.stack(((green - blue) / safe, 2 + (blue - red) / safe, 4 + (red - green) / safe), dim=1)
    sixth = sixths.gather(1, place[:, None])[:, 0] + 6 * angles.to(images.dtype)[:, None, None]
    turned = []
    for start in (5, 3, 1):  # red, green, blue
        ramp = (start + sixth) % 6
        turned.append(value - chroma * torch.minimum(ramp, 4 - ramp).clamp(0, 1))
    return torch.stack(turned, dim=1)


def _luminance(images: Tensor) -> Tensor:
    return (images * images.new_tensor(LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)


def _angles(images: Tensor, generator: Generator) -> Tensor:
    """An angle for each image, in turns."""
    return torch.rand(len(images), generator=generator, device=generator.device).to(images.device)
