"""Batched augmentation against one image at a time, with the same random numbers."""

import colorsys
import math
from functools import partial

import pytest
import torch

from vireid_lib.data import augment
from vireid_lib.data.augment import ERASING_TRIES

BATCH, HEIGHT, WIDTH = 12, 16, 8


@pytest.fixture
def images():
    return torch.rand(BATCH, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def test_flip(images):
    chosen = torch.rand(BATCH, generator=generator()) < 0.5
    wanted = [image.flip(2) if flip else image for image, flip in zip(images, chosen, strict=True)]
    assert chosen.any() and not chosen.all()
    assert torch.equal(augment.horizontal_flip(images, generator()), torch.stack(wanted))


@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_pad_and_crop(images, fill):
    offsets = torch.randint(0, 7, (2, BATCH, 1), generator=generator())
    wanted = []
    for i, image in enumerate(images):
        padded = torch.full((3, HEIGHT + 6, WIDTH + 6), fill)
        padded[:, 3 : 3 + HEIGHT, 3 : 3 + WIDTH] = image
        top, left = int(offsets[0, i]), int(offsets[1, i])
        wanted.append(padded[:, top : top + HEIGHT, left : left + WIDTH])
    assert torch.equal(augment.pad_and_crop(images, generator(), padding=3, fill=fill), torch.stack(wanted))


def erase_one_by_one(images, probability, area, fill):
    """Random erasing as it is written for one image: try rectangles until one fits, then fill it."""
    source = generator()
    chosen = torch.rand(BATCH, generator=source) < probability
    draws = torch.rand(4, BATCH, ERASING_TRIES, generator=source)
    erased = images.clone()
    for i in range(BATCH):
        if not chosen[i]:
            continue
        for size, shape, down, right in draws[:, i].T.tolist():
            target = (area[0] + (area[1] - area[0]) * size) * HEIGHT * WIDTH
            ratio = 0.3 + (1 / 0.3 - 0.3) * shape
            tall, wide = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
            if tall < HEIGHT and wide < WIDTH:
                top, left = int(down * (HEIGHT - tall + 1)), int(right * (WIDTH - wide + 1))
                for channel, value in enumerate(fill):
                    erased[i, channel, top : top + tall, left : left + wide] = value
                break
    return erased


@pytest.mark.parametrize("area", [(0.02, 0.4), (0.2, 0.8)])
def test_random_erasing(images, area):
    erased = augment.random_erasing(images, generator(), 0.7, area=area, fill=(0.1, 0.2, 0.3))
    assert torch.equal(erased, erase_one_by_one(images, 0.7, area, (0.1, 0.2, 0.3)))
    assert not torch.equal(erased, images)


def test_channel_erasing(images):
    erased = augment.channel_augmentation(images, generator(), erasing=0.8)
    assert torch.equal(erased, erase_one_by_one(images, 0.8, (0.02, 0.4), (0.4914, 0.4822, 0.4465)))
    assert not torch.equal(erased, images)


def test_grey(images):
    chosen = torch.rand(BATCH, generator=generator()) < 0.5
    wanted = images.clone()
    for i in range(BATCH):
        if chosen[i]:
            wanted[i] = 0.299 * images[i, 0] + 0.587 * images[i, 1] + 0.114 * images[i, 2]
    torch.testing.assert_close(augment.grey(images, generator()), wanted)


def test_channel_exchange(images):
    source = generator()
    chosen = torch.rand(BATCH, generator=source) < 0.6
    channel = torch.randint(0, 3, (BATCH,), generator=source)
    wanted = images.clone()
    for i in range(BATCH):
        if chosen[i]:
            wanted[i] = images[i, channel[i]].expand(3, HEIGHT, WIDTH)
    assert torch.equal(augment.channel_exchange(images, generator(), 0.6), wanted)


def test_normalise(images):
    wanted = images.clone()
    for channel, (mean, std) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        wanted[:, channel] = (images[:, channel] - mean) / std
    torch.testing.assert_close(augment.normalise(images), wanted)


@pytest.fixture
def colours():
    pictures = torch.rand(6, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    pictures[0] = pictures[0, :1]  # grey: no hue
    pictures[1, :, 0] = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 0, 1]])  # pure colours and white
    pictures[1, :, 1] = 0
    return pictures


def by_hand(image: torch.Tensor, angle: float) -> torch.Tensor:
    turned = torch.empty_like(image)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            turned[:, row, column] = torch.tensor(colorsys.hsv_to_rgb((hue + angle) % 1, saturation, value))
    return turned


def test_hue_turns_each_image_by_an_angle_of_its_own(colours):
    source = generator()
    chosen = torch.rand(len(colours), generator=source) < 0.6
    angles = torch.rand(len(colours), generator=source)
    wanted = [
        by_hand(image, float(angle)) if turn else image
        for image, turn, angle in zip(colours, chosen, angles, strict=True)
    ]
    assert chosen.any() and not chosen.all()
    torch.testing.assert_close(augment.hue(colours, generator(), 0.6), torch.stack(wanted))


def test_hue_grey_is_the_luminance_of_the_turned_image(colours):
    source = generator()
    chosen = torch.rand(len(colours), generator=source) < 0.6
    angles = torch.rand(len(colours), generator=source)
    wanted = colours.clone()
    for i in range(len(colours)):
        if chosen[i]:
            red, green, blue = by_hand(colours[i], float(angles[i]))
            wanted[i] = 0.299 * red + 0.587 * green + 0.114 * blue
    torch.testing.assert_close(augment.hue_grey(colours, generator(), 0.6), wanted)


OPERATIONS = [
    augment.horizontal_flip,
    augment.pad_and_crop,
    augment.random_erasing,
    partial(augment.channel_augmentation, erasing=0.5),
    augment.grey,
    augment.channel_exchange,
    augment.hue,
    augment.hue_grey,
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_input_and_global_random_state_stay_as_they_were(images, operation):
    before, state = images.clone(), torch.random.get_rng_state()
    changed = operation(images, generator())
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert torch.equal(changed, operation(images, generator()))
    assert not torch.equal(changed, operation(images, generator(6)))
