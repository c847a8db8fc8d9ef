"""Reads the words of a person's caption from pictures, slot by slot: in miniature, what BLIP does for photographs."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor, nn

from vireid_lib.data.text import read_json
from vireid_lib.miniworld.captions import SLOTS, tell
from vireid_lib.training.weights import BESIDE, WeightsError, read_tensors

FOLDER, WEIGHTS, CONFIG = BESIDE, "model.safetensors", "config.json"  # in a base model's folder
_SIZES = [len(words) for words in SLOTS.values()]
_BATCH = 256

Pixels = UInt8[np.ndarray, "n height width 3"]


class Captioner(nn.Module):
    """A small convolutional network that chooses a word for each slot of `captions.SLOTS`, from all places of the last
    map of features at once: what is a hat is at the top.

    Args:
        channels: of the convolutions; all but the third halve the picture of `height` x `width` pixels.
        squeezed: channels of the last map that the hidden layer looks at.
        hidden: width of that layer, which all slots share.
    """

    def __init__(self, channels: Sequence[int], *, squeezed: int, hidden: int, height: int, width: int) -> None:
        super().__init__()
        sizes = {"squeezed": squeezed, "hidden": hidden, "height": height, "width": width}
        self.config = {"channels": list(channels), **sizes}
        blocks = [_block(*pair, 1 if place == 2 else 2) for place, pair in enumerate(pairwise((3, *channels)))]
        halvings = len(channels) - (len(channels) > 2)
        places = (height >> halvings) * (width >> halvings)
        self.features = nn.Sequential(*blocks, _block(channels[-1], squeezed, 0), nn.Flatten())
        self.mix = nn.Sequential(nn.Linear(squeezed * places, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU())
        self.words = nn.Linear(hidden, sum(_SIZES))

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n words"]:
        """Pictures in −1..1 to a logit for each word, slot after slot; see `by_slot`."""
        return self.words(self.mix(self.features(images)))

    @torch.no_grad()
    def probabilities(self, pixels: Pixels) -> Float[Tensor, "n words"]:
        """Of each slot's words, for each picture, by a network in evaluation mode."""
        parts = []
        for start in range(0, len(pixels), _BATCH):
            images = torch.from_numpy(np.array(pixels[start : start + _BATCH])).to(self.words.bias.device)
            logits = self(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
            parts.append(torch.cat([each.softmax(1) for each in by_slot(logits)], 1).cpu())
        return torch.cat(parts)

    def read(self, pixels: Pixels, identities: Sequence[str]) -> dict[str, str]:
        """The caption of each identity, by the mean probabilities over its pictures; `identities` has one a picture."""
        found, names = self.probabilities(pixels), np.asarray(identities, dtype=object)
        means = {name: found[torch.from_numpy(names == name)].mean(0, keepdim=True) for name in sorted(set(names))}
        return {name: tell(_words(mean)) for name, mean in means.items()}

    def save(self, folder: Path) -> None:
        """Write the weights in float16, and what they are of."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.half().cpu() for name, tensor in self.state_dict().items()}, folder / WEIGHTS)
        (folder / CONFIG).write_text(json.dumps({**self.config, "slots": SLOTS}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote, in float32. Raises FileNotFoundError: a file is missing; WeightsError: they are of other
        slots or words, or do not fit their settings."""
        config = dict(read_json(folder / CONFIG))
        if {name: tuple(words) for name, words in config.pop("slots").items()} != SLOTS:
            raise WeightsError(f"{folder} reads other words than the miniature world's captions have: train it again.")
        made, state = cls(**config), read_tensors(folder / WEIGHTS)
        try:
            made.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        except RuntimeError:
            raise WeightsError(f"{folder / WEIGHTS} does not fit {CONFIG} beside it: copy the folder again.") from None
        return made.eval().requires_grad_(False)


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Of kernel 3, or 4 where it halves the picture, so that it passes over no pixel; stride 0 looks at single ones."""
    size, padding = (2 + stride, 1) if stride else (1, 0)
    convolution = nn.Conv2d(inputs, outputs, size, max(stride, 1), padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def by_slot(words: Float[Tensor, "n words"]) -> tuple[Tensor, ...]:
    """What is of each word, parted by slot: [n, words of the slot] each, in the order of `SLOTS`."""
    return words.split(_SIZES, 1)


def _words(found: Float[Tensor, "1 words"]) -> dict[str, str]:
    """The likeliest word of each slot; a pattern's second colour is another than its first."""
    chosen = {}
    for (name, words), each in zip(SLOTS.items(), by_slot(found), strict=True):
        first = chosen.get(name.replace("_second", "_colour"))
        chances = [-1.0 if word == first else chance for word, chance in zip(words, each[0].tolist(), strict=True)]
        chosen[name] = words[chances.index(max(chances))]
    return chosen
