"""The picture bank of pre-training: visible people of their own seed stream before random cameras, captioned."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from vireid_lib.miniworld.cameras import View, random_visible_camera, sample_view
from vireid_lib.miniworld.people import Person, caption, people_stream
from vireid_lib.miniworld.pretrain_config import BankConfig
from vireid_lib.miniworld.render import render
from vireid_lib.training.progress import Progress

PURPOSE = "pretraining"  # a stream of people that no data set draws from
CHUNK = 512


class Bank:
    """Pictures and captions on disk.

    Attributes:
        pixels: uint8 [images, height, width, 3], memory-mapped.
        captions: one a picture, e.g. "bald person wearing red coat, black trousers, white shoes".
        scenes: kind of place in each picture, e.g. "street".
    """

    def __init__(self, folder: Path) -> None:
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        words = json.loads((folder / "captions.json").read_text())
        self.captions: list[str] = words["captions"]
        self.scenes: list[str] = words["scenes"]

    def __len__(self) -> int:
        return len(self.captions)


def build_bank(folder: Path, config: BankConfig, *, seed: int, held_out: bool = False) -> Bank:
    """Render the bank into `folder`, or open the one that is already there.

    `captions.json` is written last, so that a bank either is complete or is drawn again.
    """
    folder = Path(folder)
    if not (folder / "captions.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _draw(folder, config, seed, held_out)
    return Bank(folder)


def people_and_views(seed: int, purpose: str, count: int) -> tuple[list[Person], list[View]]:
    """`count` people of the stream `purpose`, each once, before a random visible camera."""
    rng = np.random.default_rng([seed, len(purpose), 7])
    people = list(islice(people_stream(seed, purpose), count))
    return people, [sample_view(rng, random_visible_camera(rng)) for _ in people]


def halve(pixels: np.ndarray) -> np.ndarray:
    """Mean of 2x2 pixels: uint8 [N, 2h, 2w, 3] to uint8 [N, h, w, 3]."""
    count, height, width, channels = pixels.shape
    blocks = pixels.reshape(count, height // 2, 2, width // 2, 2, channels)
    return (blocks.mean((2, 4)) + 0.5).astype(np.uint8)


def _draw(folder: Path, config: BankConfig, seed: int, held_out: bool) -> None:
    purpose = PURPOSE + "/held-out" if held_out else PURPOSE
    count = config.held_out if held_out else config.images
    people, views = people_and_views(seed, purpose, count)
    shape = (count, config.height, config.width, 3)
    pixels = np.lib.format.open_memmap(folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
    with Progress(count, f"pictures of the {purpose} stream", unit="pictures") as line:
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            pixels[start:stop] = _render(people[start:stop], views[start:stop], config)
            line.update(stop)
    pixels.flush()
    words = {"captions": [caption(person) for person in people], "scenes": [view.camera.style for view in views]}
    temporary = folder / "captions.json.part"
    temporary.write_text(json.dumps(words))
    os.replace(temporary, folder / "captions.json")


def _render(people: Sequence[Person], views: Sequence[View], config: BankConfig) -> np.ndarray:
    """Drawn at twice the size, as the data sets are on disk, and reduced as they are when they are read."""
    return halve(render(people, views, height=2 * config.height, width=2 * config.width, modality="visible"))
