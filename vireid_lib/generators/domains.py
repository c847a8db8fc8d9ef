"""What conditional generators tell apart: cameras, or modalities alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

By = Literal["camera", "modality"]


@dataclass(frozen=True)
class Domains:
    """The domains of a table, numbered in order of their names.

    Attributes:
        by: each camera is a domain, or all cameras of a modality are one.
        cameras: those of the training table, with their modalities; named as in `vireid_lib.data.cameras`.
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
