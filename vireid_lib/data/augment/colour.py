"""Taking colour away or changing it: what the two modalities do not share."""

import torch
from torch import Generator

from vireid_lib.data.augment.draws import Images, chosen

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of CAJ, DEN and of Pillow's greyscale


def grey(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Make each image grey with a probability: its luminance in all three channels.

    The weights add up to one, so a normalised image may be given as well.
    """
    luminance = (images * images.new_tensor(LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)
    return torch.where(chosen(images, generator, probability), luminance, images)


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
