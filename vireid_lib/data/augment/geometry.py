"""Moving the picture: mirroring, shifting."""

import torch
from torch import Generator
from torch.nn import functional

from vireid_lib.data.augment.draws import Images, chosen


def horizontal_flip(images: Images, generator: Generator, probability: float = 0.5) -> Images:
    """Mirror each image left to right with a probability."""
    return torch.where(chosen(images, generator, probability), images.flip(3), images)


def pad_and_crop(images: Images, generator: Generator, padding: int = 10, fill: float = 0.0) -> Images:
    """Shift each image by up to `padding` pixels in both directions, filling with a constant.

    This is padding followed by a random crop of the old size; 10 pixels of black at 288×144 in AGW, CAJ and
    DEEN, of grey (127 of 255) at 384×128 in MPANet.
    """
    batch, _, height, width = images.shape
    offsets = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator, device=generator.device).to(
        images.device
    )
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    padded = functional.pad(images, (padding,) * 4, value=fill)
    which = torch.arange(batch, device=images.device)[:, None, None]
    # Indices on both sides of a slice put the channels last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
