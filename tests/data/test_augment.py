"""Batched augmentation against one image at a time, with the same random numbers."""

import colorsys
import math
from functools import partial

import pytest
import torch

from vireid_lib.data import augment

BATCH, HEIGHT, WIDTH = 12, 16, 8


@pytest.fixture
def images():
    pictures = torch.rand(BATCH, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    pictures[0] = pictures[0, :1]  # grey: no hue
    pictures[1, :, 0, :4] = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 0, 1]])  # pure colours and white
    pictures[1, :, 1] = 0
    return pictures


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def one_by_one(images, probability, change, draw=lambda source: range(BATCH)):
    """Each image that is chosen as `change` makes it, from what is drawn for it after the choice."""
    source = generator()
    chosen = torch.rand(BATCH, generator=source) < probability
    assert chosen.any() and not chosen.all()
    drawn = zip(images, chosen, draw(source), strict=True)
    return torch.stack([change(image.clone(), own) if choice else image for image, choice, own in drawn])


def luminance(image):
    return (0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]).expand_as(image)


def turned(image, angle):
    """The hue of every pixel turned by hand."""
    for row in range(HEIGHT):
        for column in range(WIDTH):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            rgb = colorsys.hsv_to_rgb((hue + float(angle)) % 1, saturation, value)
            image[:, row, column] = torch.tensor(rgb)
    return image


def draw_uniform(source):
    return torch.rand(BATCH, generator=source)


def draw_channel(source):
    return torch.randint(0, 3, (BATCH,), generator=source)


def draw_rectangles(source):
    return torch.rand(4, BATCH, augment.ERASING_TRIES, generator=source).transpose(0, 1)


def erased(area, fill):
    """Random erasing as it is written for one image: try rectangles until one fits, then fill it."""

    def erase(image, draws):
        for size, shape, down, right in draws.T.tolist():
            target = (area[0] + (area[1] - area[0]) * size) * HEIGHT * WIDTH
            ratio = 0.3 + (1 / 0.3 - 0.3) * shape
            tall, wide = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
            if tall < HEIGHT and wide < WIDTH:
                top, left = int(down * (HEIGHT - tall + 1)), int(right * (WIDTH - wide + 1))
                image[:, top : top + tall, left : left + wide] = torch.tensor(fill)[:, None, None]
                break
        return image

    return erase


SMALL, LARGE, FILL, CHANNELS = (0.02, 0.4), (0.2, 0.8), (0.1, 0.2, 0.3), (0.4914, 0.4822, 0.4465)
OPERATIONS = {
    "flip": (augment.horizontal_flip, 0.5, lambda image, _: image.flip(2)),
    "grey": (augment.grey, 0.5, lambda image, _: luminance(image)),
    "exchange": (
        partial(augment.channel_exchange, probability=0.6),
        0.6,
        lambda x, c: x[c].expand(3, -1, -1),
        draw_channel,
    ),
    "hue": (partial(augment.hue, probability=0.6), 0.6, turned, draw_uniform),
    "hue grey": (partial(augment.hue_grey, probability=0.6), 0.6, lambda x, a: luminance(turned(x, a)), draw_uniform),
    "erasing": (partial(augment.random_erasing, probability=0.7, fill=FILL), 0.7, erased(SMALL, FILL), draw_rectangles),
    "large erasing": (
        partial(augment.random_erasing, probability=0.7, area=LARGE, fill=FILL),
        0.7,
        erased(LARGE, FILL),
        draw_rectangles,
    ),
    "channel erasing": (
        partial(augment.channel_augmentation, erasing=0.8),
        0.8,
        erased(SMALL, CHANNELS),
        draw_rectangles,
    ),
}
EXACT = {"flip", "exchange", "erasing", "large erasing", "channel erasing"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_batch_is_changed_as_one_image_at_a_time(images, name):
    operation, *about = OPERATIONS[name]
    found, wanted = operation(images, generator()), one_by_one(images, *about)
    assert torch.equal(found, wanted) if name in EXACT else torch.allclose(found, wanted, rtol=1.3e-6, atol=1e-5)
    assert not torch.equal(found, images)


@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_pad_and_crop(images, fill):
    offsets = torch.randint(0, 7, (2, BATCH), generator=generator()).T.tolist()
    placed = zip(torch.nn.functional.pad(images, (3,) * 4, value=fill), offsets, strict=True)
    wanted = [image[:, top : top + HEIGHT, left : left + WIDTH] for image, (top, left) in placed]
    assert torch.equal(augment.pad_and_crop(images, generator(), padding=3, fill=fill), torch.stack(wanted))


@pytest.mark.parametrize("operation", [*(about[0] for about in OPERATIONS.values()), augment.pad_and_crop])
def test_input_and_global_random_state_stay_as_they_were(images, operation):
    before, state = images.clone(), torch.random.get_rng_state()
    changed = operation(images, generator())
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert torch.equal(changed, operation(images, generator()))
    assert not torch.equal(changed, operation(images, generator(6)))
