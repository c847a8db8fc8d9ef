"""The styles of the training images, to show an identity as a camera that has no image of it."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vireid_lib.data.images import to_float
from vireid_lib.generators.batches import Batches
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
    def of(cls, networks: Mapping[str, nn.Module], held: Batches) -> Self:
        """The styles of a table's images, by the networks "style_visible" and "style_infrared"."""
        bank = cls(len(held.pixels), networks["style_visible"].style.out_features)
        for modality, own in held.rows.items():
            network = networks[f"style_{modality}"]
            device = next(network.parameters()).device
            for start in range(0, len(own), BATCH):
                some = own[start : start + BATCH]
                bank.codes[some] = network(to_float(held.pixels[some], device) * 2 - 1).float().cpu()
        people = [held.names[label] for label in held.labels]
        for place, names in ((bank.people, people), (bank.cameras, held.camera)):
            place.copy_(torch.tensor([seeds.integer(0, name) for name in names]))
        return bank

    def draw(self, identity: str, camera: str, seed: int) -> Float[Tensor, " style"]:
        """A style of the person under the camera; of anybody under it, if there is none of them (the paper exchanges
        styles within a person, but an external person has no infrared image)."""
        there = self.cameras == seeds.integer(0, camera)
        own = there & (self.people == seeds.integer(0, identity))
        places = (own if bool(own.any()) else there).nonzero().flatten()
        return self.codes[places[np.random.default_rng(seed).integers(len(places))]]
