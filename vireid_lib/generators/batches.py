"""What translators learn from: images of both modalities, drawn as pure functions of a random stream; their domains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.data.tables import camera_keys, camera_modalities

Rows, Stream = Int[np.ndarray, " rows"], np.random.Generator
By = Literal["camera", "modality"]


class Batches:
    """The images of a table, and ways to draw some of them.

    Attributes:
        labels, camera: identity and camera of each row; a camera's name is that of `tables.camera_keys`.
        cameras: all of them, with their modalities.

    Args:
        table: training rows of both modalities, and external visible rows.
        size: height and width in pixels.
        cache: folder of decoded images, or None to keep them in memory.
        blank: random pixels in place of the images, which are not read: enough to time a training.
    """

    def __init__(self, table: pd.DataFrame, size: tuple[int, int], cache: Path | None, *, blank: bool = False) -> None:
        if blank:
            noise = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
            self.pixels, self.digest = np.broadcast_to(noise, (len(table), *size, 3)), ""
        else:
            self.pixels = load_images(table["path"].tolist(), size, cache=cache)
            self.digest = tables.digest(table, cache=cache)
        self.labels, self.names = tables.identity_labels(table)
        modality, self.camera = table["modality"].to_numpy(), np.array(camera_keys(table), dtype=object)
        self.cameras = camera_modalities(table)
        self.rows = {name: np.flatnonzero(modality == name) for name in ("visible", "infrared")}
        own = {name: set(self.labels[rows].tolist()) for name, rows in self.rows.items()}
        self.paired = np.array(sorted(own["visible"] & own["infrared"]), dtype=np.int64)
        self.visible_only = np.array(sorted(own["visible"] - own["infrared"]), dtype=np.int64)
        people = [(name, label) for name, labels in own.items() for label in labels]
        self._of = {(name, label): self.rows[name][self.labels[self.rows[name]] == label] for name, label in people}

    def by_identity(self, stream: Stream, identities: int, images: int, visible_only: int) -> tuple[Rows, Rows]:
        """Rows of `images` visible and as many infrared images of each of `identities` identities that have both, then
        visible ones of `visible_only` that have no others, or of as many as there are."""
        shown = stream.choice(self.paired, identities, replace=False)
        further = stream.choice(self.visible_only, min(visible_only, len(self.visible_only)), replace=False)
        visible = [stream.choice(self._of["visible", label], images) for label in (*shown, *further)]
        infrared = [stream.choice(self._of["infrared", label], images) for label in shown]
        return np.concatenate(visible), np.concatenate(infrared)

    def visible_alone(self, stream: Stream, *, identities: int, images: int) -> Rows:
        """Rows of `images` visible images of each of `identities` identities that have no others, or of as many as
        there are."""
        shown = stream.choice(self.visible_only, min(identities, len(self.visible_only)), replace=False)
        rows = [stream.choice(self._of["visible", label], images) for label in shown]
        return np.concatenate([np.empty(0, np.int64), *rows])

    def unpaired(self, stream: Stream, count: int) -> tuple[Rows, Rows]:
        """Rows of `count` visible and `count` infrared images, whoever they show."""
        return stream.choice(self.rows["visible"], count), stream.choice(self.rows["infrared"], count)

    def describe(self, rows: Rows) -> str:
        """Who is in a batch, for the guard against losses that are not finite."""
        return "identities " + ", ".join(self.names[label] for label in np.unique(self.labels[rows]))


@dataclass(frozen=True)
class Domains:
    """The domains of a table, numbered in order of their names.

    Attributes:
        by: each camera is a domain, or all cameras of a modality are one.
        cameras: those of the training table, with their modalities; named as by `tables.camera_keys`.
    """

    by: By
    cameras: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        return sorted(set(self.cameras) if self.by == "camera" else set(self.cameras.values()))

    def labels(self, cameras: Sequence[str]) -> Float[Tensor, "n domains"]:
        """The domain of each camera, one-hot. Raises KeyError for a camera that the table did not have."""
        places = {name: place for place, name in enumerate(self.names)}
        found = [places[camera if self.by == "camera" else self.cameras[camera]] for camera in cameras]
        return functional.one_hot(torch.tensor(found), len(places)).float()
