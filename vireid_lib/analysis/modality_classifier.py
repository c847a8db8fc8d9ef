"""A small network that learns the two modalities from real images and classifies synthetic ones: modality leakage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.grey import luminance

BATCH, RATE = 32, 3e-3
HELD_OUT = 4  # every fourth identity is kept from training, to test on


class ModalityNetwork(nn.Module):
    """Four strided convolutions and a mean over places: an image to one number, positive for infrared."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in ((channels, 16), (16, 32), (32, 32), (32, 32)):
            layers += [nn.Conv2d(inside, outside, 3, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
        self.trunk, self.head = nn.Sequential(*layers), nn.Linear(32, 1)

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, " n"]:
        return self.head(self.trunk(images).mean((2, 3)))[:, 0]


@dataclass(frozen=True, eq=False)
class ModalityClassifier:
    """A trained network and how far to trust it: its `accuracy` on `held_out` images of identities that it has not seen
    is the mean over the two modalities; 0.5 is guessing. With `grey` it sees luminance alone. With colour, any grey
    picture passes for infrared; without, only one whose materials, illumination and place look like infrared does."""

    network: ModalityNetwork
    grey: bool
    accuracy: float
    held_out: int

    def infrared(self, pixels: UInt8[ndarray, "n height width 3"]) -> Bool[ndarray, " n"]:
        """Whether it takes each image for infrared."""
        return _infrared(self.network, _inputs(pixels, self.grey))

    def __str__(self) -> str:
        seen = "luminance" if self.grey else "colour"
        return f"a small network that sees {seen}, right on {self.accuracy:.1%} of {self.held_out} held-out real images"


def train_classifier(
    pixels: UInt8[ndarray, "n height width 3"],
    infrared: Bool[ndarray, " n"],
    identities: Sequence[str],
    *,
    grey: bool,
    steps: int = 300,
) -> ModalityClassifier:
    """Train a network on the modalities of real images: batches half visible and half infrared, mirrored at random.
    Raises ValueError: a modality has no image to learn from or to test on."""
    names = np.asarray(identities, dtype=object)
    tested = np.isin(names, np.unique(names[infrared])[::HELD_OUT]) | np.isin(names, np.unique(names)[::HELD_OUT])
    learn, test = (
        [np.flatnonzero((infrared == wanted) & part) for wanted in (False, True)] for part in (~tested, tested)
    )
    for part, rows in (("learn", learn), ("test", test)):
        if not all(map(len, rows)):
            raise ValueError(f"train_classifier: a modality has no image to {part}; hand in more identities of both.")
    inputs, draw = _inputs(pixels, grey), torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ModalityNetwork(inputs.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    wanted = torch.tensor([0.0, 1.0]).repeat_interleave(BATCH // 2)
    for _ in range(steps):
        drawn = (rows[torch.randint(len(rows), (BATCH // 2,), generator=draw).numpy()] for rows in learn)
        chosen = torch.from_numpy(np.concatenate(list(drawn)))
        mirrored = torch.rand(BATCH, generator=draw) < 0.5
        images = torch.where(mirrored[:, None, None, None], inputs[chosen].flip(3), inputs[chosen])
        loss = functional.binary_cross_entropy_with_logits(network(images), wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    right = [float((_infrared(network, inputs[rows]) == bool(side)).mean()) for side, rows in enumerate(test)]
    return ModalityClassifier(network, grey, float(np.mean(right)), sum(map(len, test)))


def _inputs(pixels: UInt8[ndarray, "n height width 3"], grey: bool) -> Float[Tensor, "n channels height width"]:
    values = luminance(pixels)[..., None] if grey else np.asarray(pixels, np.float32)
    return torch.from_numpy(values).permute(0, 3, 1, 2) / 127.5 - 1


@torch.no_grad()
def _infrared(network: ModalityNetwork, inputs: Tensor) -> Bool[ndarray, " n"]:
    return torch.cat([network(part) for part in inputs.split(256)]).numpy() > 0
