"""What a visible picture of a person shows, in plain words from a closed vocabulary: told of a person, and read from
pictures by a small network, in miniature what BLIP does for photographs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor, nn

from vireid_lib.data.text import read_json
from vireid_lib.miniworld import people
from vireid_lib.training.weights import BESIDE, WeightsError, read_tensors

Pixels = UInt8[np.ndarray, "n height width 3"]
Images = Float[Tensor, "n 3 h w"]  # in -1..1


def _slots(piece: str, **words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {f"{piece}_{name}": tuple(known) for name, known in words.items()}


_LOWER_PATTERNS = dict.fromkeys((*people.LOWER_PATTERNS, *people.SKIRT_PATTERNS))
_COLOURS = people.COLOURS

SLOTS: dict[str, tuple[str, ...]] = {
    **_slots("hair", style=people.HAIR_STYLES, colour=people.HAIR_COLOURS),
    "face": tuple(people.FACES),
    **_slots("upper", kind=people.UPPER, colour=_COLOURS, pattern=people.UPPER_PATTERNS, second=_COLOURS),
    **_slots("lower", kind=people.LOWER, colour=_COLOURS, pattern=_LOWER_PATTERNS, second=_COLOURS),
    **_slots("shoes", kind=people.SHOES, colour=people.SHOE_COLOURS),
    **_slots("hat", kind=people.HATS, colour=_COLOURS),
    **_slots("bag", kind=people.BAGS, colour=_COLOURS),
}
"""What a caption says about a person, with the words that may stand there; `plain` and `none` are not written."""

_KINDS = {kind: piece for piece in ("upper", "lower", "shoes", "hat", "bag") for kind in SLOTS[f"{piece}_kind"]}


def slots(person: people.Person) -> dict[str, str]:
    """The word of each of `SLOTS` that the person has: no hair colour of the bald, no trousers under a dress, no second
    colour of plain cloth, no colour of a hat that is not there."""
    seen = {"hair_style": person.hair_style, "face": person.face}
    if person.hair_style != "bald":
        seen["hair_colour"] = person.hair.colour
    dressed = person.upper.kind == "dress"
    for piece in ("upper", "shoes") if dressed else ("upper", "lower", "shoes"):
        garment = getattr(person, piece)
        seen |= {f"{piece}_kind": garment.kind, f"{piece}_colour": garment.cloth.colour}
        if piece != "shoes":
            seen[f"{piece}_pattern"] = "plain" if garment.second is None else garment.pattern
        if garment.second is not None:
            seen[f"{piece}_second"] = garment.second.colour
    for piece, kind, cloth in (("hat", person.hat, person.hat_cloth), ("bag", person.bag, person.bag_cloth)):
        seen[f"{piece}_kind"] = kind
        if kind != "none":
            seen[f"{piece}_colour"] = cloth.colour
    return seen


def tell(seen: Mapping[str, str]) -> str:
    """The caption of a word for each of `SLOTS`; words for what the person does not have are not needed, nor read."""
    bald, dressed = seen["hair_style"] == "bald", seen["upper_kind"] == "dress"
    head = "bald person" if bald else f"person with {seen['hair_style']} {seen['hair_colour']} hair"
    if seen["face"] != "plain":
        head += f" {'with' if bald else 'and'} {seen['face']}"
    worn = [_tell_garment(seen, piece) for piece in ("upper", *([] if dressed else ["lower"]), "shoes")]
    worn += [_tell_garment(seen, piece) for piece in ("hat", "bag") if seen[f"{piece}_kind"] != "none"]
    return f"{head} wearing {', '.join(worn)}"


def _tell_garment(seen: Mapping[str, str], piece: str) -> str:
    colour, kind, pattern = seen[f"{piece}_colour"], seen[f"{piece}_kind"], seen.get(f"{piece}_pattern", "plain")
    return f"{colour} {kind}" if pattern == "plain" else f"{colour} and {seen[f'{piece}_second']} {pattern} {kind}"


def parse(caption: str) -> dict[str, str]:
    """The `slots` that a whole caption was told from: `tell` backwards."""
    head, worn = caption.split(" wearing ")
    words = head.split()
    seen = {"face": words[-1] if words[-1] in SLOTS["face"] else "plain", "hat_kind": "none", "bag_kind": "none"}
    seen |= {"hair_style": "bald"} if words[0] == "bald" else {"hair_style": words[2], "hair_colour": words[3]}
    for item in worn.split(", "):
        kind = next(kind for kind in _KINDS if item.endswith(f" {kind}"))
        piece, (colour, *more) = _KINDS[kind], item.removesuffix(f" {kind}").split()
        seen |= {f"{piece}_kind": kind, f"{piece}_colour": colour}
        if f"{piece}_pattern" in SLOTS:
            seen[f"{piece}_pattern"] = " ".join(more[2:]) or "plain"
        if more:
            seen[f"{piece}_second"] = more[1]
    return seen


def caption(person: people.Person) -> str:
    """Describe the visible look; every word is in `vocabulary()`, and nothing that only infrared shows is told. E.g.
    "person with long black hair wearing yellow and black striped shirt, black trousers, red shoes, brown handbag"."""
    return tell(slots(person))


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, sorted; captions add only spaces and commas."""
    phrases = ["person with hair wearing and", *(phrase for words in SLOTS.values() for phrase in words)]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()} - {"plain", "none"}))


CAPTIONER, WEIGHTS, CONFIG = BESIDE, "model.safetensors", "config.json"  # in a base model's folder
_SIZES = [len(words) for words in SLOTS.values()]


def to_signed(pixels: Pixels, device: torch.device | str = "cpu") -> Images:
    return torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


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

    def forward(self, images: Images) -> Float[Tensor, "n words"]:
        """A logit for each word, slot after slot; see `by_slot`."""
        return self.words(self.mix(self.features(images)))

    @torch.no_grad()
    def probabilities(self, pixels: Pixels) -> Float[Tensor, "n words"]:
        """Of each slot's words, for each picture, by a network in evaluation mode."""
        parts, device = [], self.words.bias.device
        for start in range(0, len(pixels), 256):
            logits = self(to_signed(pixels[start : start + 256], device))
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
