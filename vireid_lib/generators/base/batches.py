"""What translators learn from: images of both modalities, drawn as pure functions of a random stream."""

from collections.abc import Sequence
from pathlib import Path

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


class Batches:
    """The images of a table at a size (height, width), and ways to draw some of them; `labels` and `camera` of each
    row, and all `cameras` with their modalities, named as in `tables.camera_keys`. `cache` is a folder of decoded
    images, or None to keep them in memory; with `blank`, random pixels stand in place of the images, which are not
    read: enough to time a training."""

    def __init__(self, table: pd.DataFrame, size: tuple[int, int], cache: Path | None, *, blank: bool = False) -> None:
        if blank:
            noise = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
            self.pixels, self.digest = np.broadcast_to(noise, (len(table), *size, 3)), ""
        else:
            self.pixels = load_images(table["path"].tolist(), size, cache=cache)
            self.digest = tables.digest(table, cache=cache)
        self.labels, self.names = tables.identity_labels(table)
        self.camera, self.cameras = np.array(camera_keys(table), dtype=object), camera_modalities(table)
        self.rows = {name: np.flatnonzero(table["modality"] == name) for name in tables.MODALITIES}
        visible, infrared = (self.labels[rows] for rows in self.rows.values())
        self.paired, self.visible_only = np.intersect1d(visible, infrared), np.setdiff1d(visible, infrared)

    def by_identity(self, stream: Stream, identities: int, images: int, visible_only: int) -> tuple[Rows, Rows]:
        """Rows of `images` visible and as many infrared images of each of `identities` identities that have both, then
        visible ones of `visible_only` that have no others, or of as many as there are."""
        shown = stream.choice(self.paired, identities, replace=False)
        further = self._further(stream, visible_only)
        visible = self._of(stream, "visible", (*shown, *further), images)
        return visible, self._of(stream, "infrared", shown, images)

    def visible_alone(self, stream: Stream, identities: int, images: int) -> Rows:
        """Rows of `images` visible images of each of so many identities that have no others, or of all there are."""
        return self._of(stream, "visible", self._further(stream, identities), images)

    def unpaired(self, stream: Stream, count: int) -> tuple[Rows, Rows]:
        """Rows of `count` visible and `count` infrared images, whoever they show."""
        return stream.choice(self.rows["visible"], count), stream.choice(self.rows["infrared"], count)

    def describe(self, rows: Rows) -> str:
        """Who is in a batch, for the guard against losses that are not finite."""
        return "identities " + ", ".join(self.names[label] for label in np.unique(self.labels[rows]))

    def _further(self, stream: Stream, count: int) -> np.ndarray:
        return stream.choice(self.visible_only, min(count, len(self.visible_only)), replace=False)

    def _of(self, stream: Stream, modality: str, labels: Sequence[int], images: int) -> Rows:
        own = self.rows[modality]
        rows = [stream.choice(own[self.labels[own] == label], images) for label in labels]
        return np.concatenate([np.empty(0, np.int64), *rows])


def one_hot(keys: Sequence[str], names: Sequence[str]) -> Float[Tensor, "n names"]:
    """The place of each key among `names`. Raises ValueError for one that is not among them."""
    return functional.one_hot(torch.tensor([names.index(key) for key in keys]), len(names)).float()
