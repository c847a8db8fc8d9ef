"""The styles of the training images, to show an identity as a camera that has no image of it."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vireid_lib.data.images import to_float
from vireid_lib.generators.galleries import Pictures
from vireid_lib.training import seeds

BATCH = 256


class StyleBank(nn.Module):
    """A style for each training image, found again by person and camera.

    Args:
        images: how many; style: numbers of each.
    """

    codes: Float[Tensor, "images style"]
    people: Int[Tensor, " images"]
    cameras: Int[Tensor, " images"]

    def __init__(self, images: int, style: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(images, style))
        for name in ("people", "cameras"):
            self.register_buffer(name, torch.zeros(images, dtype=torch.int64))

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        networks: Mapping[str, nn.Module],
        pixels: Pictures,
        rows: Mapping[str, Sequence[int]],
        people: Sequence[str],
        cameras: Sequence[str],
        style: int,
    ) -> Self:
        """The styles of images, by the networks "style_visible" and "style_infrared"; `rows` are the places of each
        modality's images, and cameras have the names of `vireid_lib.data.cameras`."""
        bank = cls(len(pixels), style)
        for modality, own in rows.items():
            network = networks[f"style_{modality}"]
            device = next(network.parameters()).device
            for start in range(0, len(own), BATCH):
                some = np.asarray(own[start : start + BATCH])
                bank.codes[some] = network(to_float(pixels[some], device) * 2 - 1).float().cpu()
        for held, names in ((bank.people, people), (bank.cameras, cameras)):
            held.copy_(torch.tensor([seeds.integer(0, name) for name in names]))
        return bank

    def draw(self, identity: str, camera: str, seed: int) -> Float[Tensor, " style"]:
        """A style of the person under the camera; of anybody under it, if there is none of them (the paper exchanges
        styles within a person, but an external person has no infrared image)."""
        there = self.cameras == seeds.integer(0, camera)
        own = there & (self.people == seeds.integer(0, identity))
        places = (own if bool(own.any()) else there).nonzero().flatten()
        return self.codes[places[np.random.default_rng(seed).integers(len(places))]]
