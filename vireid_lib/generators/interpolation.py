"""A reference without training: two images of a person blended pixel by pixel (Flow2Flow, Table IV)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from vireid_lib.data.grey import grey
from vireid_lib.data.images import load_images
from vireid_lib.generators import galleries
from vireid_lib.generators.config import GeneratorConfig
from vireid_lib.generators.interface import Capability
from vireid_lib.generators.plans import Planned, plan_pairs, share
from vireid_lib.generators.untrained import Untrained

BATCH = 64


class InterpolationConfig(GeneratorConfig):
    """The size of the pictures and the steps between two images; the size is Flow2Flow's.

    Attributes:
        q: p / q of the way from the first image to the second, p drawn from 1..q-1. 2 is the paper's better one,
            10 its other one.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("height", "width", "q")

    height: int = Field(144, ge=1)
    width: int = Field(72, ge=1)
    q: int = Field(2, ge=2)

    @classmethod
    def small(cls, **changes: object) -> InterpolationConfig:
        """At the size of the miniature world's trainings."""
        return cls(**({"height": 64, "width": 32} | changes))


class ImageInterpolation(Untrained):
    """x₁ + p/q (x₂ − x₁). For an infrared camera, people without infrared images get grey blends of visible ones."""

    name = "image interpolation"
    capabilities: frozenset[Capability] = frozenset({"expand"})
    config_class = InterpolationConfig
    config: InterpolationConfig

    def expand(
        self,
        identities: Sequence[str],
        cameras: Sequence[str],
        per_camera: int,
        seed: int,
        folder: Path,
        *,
        source: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Blends of pairs of `source`; `modalities` says which cameras are visible.

        Raises:
            ValueError: an identity without two images of one modality.
        """
        rows = self.rows(source)
        modalities = self.modalities(cameras, rows)
        planned = []
        for modality, usable in (("infrared", rows), ("visible", rows[rows["modality"] == "visible"])):
            of_it = [camera for camera in cameras if modalities[camera] == modality]
            planned += plan_pairs(identities, of_it, per_camera, seed, folder, usable, modalities)
        size = (self.config.height, self.config.width)

        def make(items: Sequence[Planned], attempt: int) -> galleries.Pictures:
            first, second = (
                load_images([item.starts[place] for item in items], size, cache=None).pixels for place in (0, 1)
            )
            shares = np.array([share(item, self.config.q) for item in items], np.float32)[:, None, None, None]
            blends = np.round(first + shares * (second.astype(np.float32) - first)).astype(np.uint8)
            return grey(blends) if items[0].modality == "infrared" else blends

        settings = self.config.sampling_settings() | {
            "seed": seed,
            "per_camera": per_camera,
            "cameras": list(cameras),
            "identities": list(identities),
        }
        return galleries.write(
            planned,
            make,
            folder,
            source=self.name,
            settings=settings,
            batch=BATCH,
            group=lambda item: item.modality,
            progress=self.progress,
        )


GENERATOR = ImageInterpolation
