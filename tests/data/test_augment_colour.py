"""Hue and HueGray against the standard library's colour conversion, pixel by pixel."""

import colorsys

import pytest
import torch

from vireid_lib.data import augment

BATCH, HEIGHT, WIDTH = 6, 5, 4


@pytest.fixture
def images():
    pictures = torch.rand(BATCH, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    pictures[0] = pictures[0, :1]  # grey: no hue
    pictures[1, :, 0] = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 0, 1]])  # pure colours and white
    pictures[1, :, 1] = 0
    return pictures


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def by_hand(image: torch.Tensor, angle: float) -> torch.Tensor:
    turned = torch.empty_like(image)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[:, row, column].tolist())
            turned[:, row, column] = torch.tensor(colorsys.hsv_to_rgb((hue + angle) % 1, saturation, value))
    return turned


def test_hue_turns_each_image_by_an_angle_of_its_own(images):
    source = generator()
    chosen = torch.rand(BATCH, generator=source) < 0.6
    angles = torch.rand(BATCH, generator=source)
    wanted = [
        by_hand(image, float(angle)) if turn else image
        for image, turn, angle in zip(images, chosen, angles, strict=True)
    ]
    assert chosen.any() and not chosen.all()
    torch.testing.assert_close(augment.hue(images, generator(), 0.6), torch.stack(wanted))


def test_hue_grey_is_the_luminance_of_the_turned_image(images):
    source = generator()
    chosen = torch.rand(BATCH, generator=source) < 0.6
    angles = torch.rand(BATCH, generator=source)
    wanted = images.clone()
    for i in range(BATCH):
        if chosen[i]:
            red, green, blue = by_hand(images[i], float(angles[i]))
            wanted[i] = 0.299 * red + 0.587 * green + 0.114 * blue
    torch.testing.assert_close(augment.hue_grey(images, generator(), 0.6), wanted)


def test_a_whole_turn_changes_nothing_and_grey_has_no_hue(images):
    torch.testing.assert_close(augment.turn_hue(images, torch.ones(BATCH)), images)
    assert torch.equal(augment.turn_hue(images, torch.rand(BATCH))[0], images[0])


def test_images_are_left_as_they_are(images):
    before = images.clone()
    for change in (augment.hue, augment.hue_grey):
        out = change(images, generator())
        assert torch.equal(images, before) and 0 <= float(out.min()) and float(out.max()) <= 1
