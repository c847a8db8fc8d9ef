"""Augmentation lab: what the training changes make of any image, drawn by the very functions that training uses."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.data import augment
from vireid_lib.data.images import to_float
from vireid_lib.viz import Picture, hue_circle, image_grid, widgets
from vireid_lib.viz.pictures import pixels

ANGLES = 360
STRIP = 12  # greys that are shown side by side
# Parts of a person: share of the height from the top, of the width from the left.
PARTS = {"upper body": ((0.28, 0.48), (0.38, 0.62)), "lower body": ((0.56, 0.76), (0.38, 0.62))}

Image = UInt8[np.ndarray, "height width 3"]


def explore_greys(images: pd.DataFrame | Sequence[str]) -> None:
    """HueGray's 360 greys of an image; in an interactive session, choose the image and turn its hue.

    Args:
        images: rows of a table, or paths of any image files.
    """

    def greys(image=0, degrees=120) -> Picture:
        """One image with its hue turned, and all the greys that it has."""
        return grey_circle(_one(images, image), degrees)

    widgets.explore(greys, image=range(len(images)), degrees=range(0, ANGLES, 5))


def explore_augmentations(images: pd.DataFrame | Sequence[str]) -> None:
    """Six draws of every random change; in an interactive session, choose image, dice and strengths.

    Args:
        images: rows of a table, or paths of any image files.
    """

    def draws(image=0, dice=0, probability=1.0, largest_area=0.4, padding=10) -> Picture:
        """Every change, several times."""
        chosen = _one(images, image)
        return augmentation_sheet(chosen, seed=dice, probability=probability, area=largest_area, padding=padding)

    widgets.explore(
        draws,
        image=range(len(images)),
        dice=range(10),
        probability=[0.25, 0.5, 1.0],
        largest_area=[0.1, 0.2, 0.4, 0.8],
        padding=[2, 5, 10, 20],
    )


def greys_of(image: Image, degrees: Sequence[float]) -> Float[Tensor, "angles 3 height width"]:
    """HueGray of one image at given angles instead of random ones, 0..1."""
    turned = _turned(image, degrees)
    return augment.grey(turned, torch.Generator().manual_seed(0), probability=1.0)


def brightness(image: Image) -> pd.DataFrame:
    """Mean grey of the parts of a person at every angle: index degrees, a column for each part, 0..1."""
    greys = greys_of(image, range(ANGLES))[:, 0]
    height, width = greys.shape[1:]
    means = {
        part: greys[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        .mean((1, 2))
        .numpy()
        for part, ((top, bottom), (left, right)) in PARTS.items()
    }
    return pd.DataFrame(means, index=pd.RangeIndex(ANGLES, name="degrees"))


def grey_circle(image: Image, degrees: int = 120) -> Picture:
    """An image with its hue turned by some degrees, its grey there, twelve greys around the circle, and how bright
    upper and lower body are at each of the 360."""
    strip = range(0, ANGLES, ANGLES // STRIP)
    return hue_circle(
        [image, _pixels(_turned(image, [degrees]))[0], _pixels(greys_of(image, [degrees]))[0]],
        list(_pixels(greys_of(image, strip))),
        brightness(image),
        degrees=degrees,
        labels=["image", f"hue + {degrees}°", "its grey"],
        strip_labels=[f"{angle}°" for angle in strip],
    )


def changes(probability: float, area: float, padding: int) -> dict[str, Callable[[Tensor, torch.Generator], Tensor]]:
    """The random changes by name, each a function of images in 0..1 and a generator.

    Args:
        probability: of each change, where it has one.
        area: the largest share of the image that erasing takes.
        padding: the largest shift, in pixels.
    """
    areas = (0.02, area)
    return {
        "horizontal flip": partial(augment.horizontal_flip, probability=probability),
        "pad and crop": partial(augment.pad_and_crop, padding=padding),
        "grey": partial(augment.grey, probability=probability),
        "channel exchange (CAJ)": partial(augment.channel_exchange, probability=probability),
        "hue": partial(augment.hue, probability=probability),
        "HueGray (DEN)": partial(augment.hue_grey, probability=probability),
        "random erasing": _normalised(partial(augment.random_erasing, probability=probability, area=areas)),
        "channel erasing (CAJ)": _normalised(partial(augment.channel_erasing, probability=probability, area=areas)),
    }


def augmentation_sheet(
    image: Image, *, seed: int = 0, probability: float = 1.0, area: float = 0.4, padding: int = 10, count: int = 6
) -> Picture:
    """A row per change: the image, then `count` draws."""
    batch = to_float(np.repeat(image[None], count, axis=0), torch.device("cpu"))
    rows = {}
    for name, change in changes(probability, area, padding).items():
        rows[name] = [image, *_pixels(change(batch, torch.Generator().manual_seed(seed)))]
    labels = ["image", *(f"draw {place + 1}" for place in range(count))]
    return image_grid(list(rows.values()), row_labels=list(rows), column_labels=labels, cell=0.95)


def _one(images: pd.DataFrame | Sequence[str], place: int) -> Image:
    return pixels(images.iloc[[place]] if isinstance(images, pd.DataFrame) else [images[place]])[0]


def _normalised(change: Callable[[Tensor, torch.Generator], Tensor]) -> Callable[[Tensor, torch.Generator], Tensor]:
    """Erasing fills with values that mean something after `normalise` only: 0 is the mean colour there."""

    def changed(images: Tensor, generator: torch.Generator) -> Tensor:
        there = change(augment.normalise(images), generator)
        mean, std = (images.new_tensor(each)[:, None, None] for each in (augment.IMAGENET_MEAN, augment.IMAGENET_STD))
        return there * std + mean

    return changed


def _turned(image: Image, degrees: Sequence[float]) -> Tensor:
    angles = torch.tensor(list(degrees), dtype=torch.float32) / ANGLES
    return augment.turn_hue(to_float(image[None], torch.device("cpu")).expand(len(angles), -1, -1, -1), angles)


def _pixels(images: Float[Tensor, "images 3 height width"]) -> UInt8[np.ndarray, "images height width 3"]:
    return (255 * images.clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()
