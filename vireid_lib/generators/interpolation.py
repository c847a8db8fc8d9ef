"""A reference without training: two images of a person blended pixel by pixel (Flow2Flow, Table IV)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from vireid_lib.data.grey import grey
from vireid_lib.generators.base import plans
from vireid_lib.generators.base.config import GeneratorConfig
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.base.plans import GalleryRequest, SampleRequest
from vireid_lib.generators.base.untrained import Untrained


class InterpolationConfig(GeneratorConfig):
    """The pictures' size, which is Flow2Flow's, and the steps between two images."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("height", "width", "q")

    height: int = Field(144, ge=1)
    width: int = Field(72, ge=1)
    q: int = Field(2, ge=2)  # p / q of the way is gone, p drawn from 1..q-1; the paper's better one, 10 its other one


class ImageInterpolation(Untrained):
    """x₁ + p/q (x₂ − x₁). For an infrared camera, people without infrared images get grey blends of visible ones."""

    name = "interpolation"
    capabilities = frozenset({"expand"})
    config_class = InterpolationConfig

    def plan(self, order: GalleryRequest) -> list[SampleRequest]:
        """Pairs of images of each identity. Raises ValueError for one without two images of one modality."""
        rows = self.source_rows(order.source)
        modalities, planned = self.modalities(order.cameras, rows), []
        for modality, usable in (("infrared", rows), ("visible", rows[rows["modality"] == "visible"])):
            cameras = [camera for camera in order.cameras if modalities[camera] == modality]
            planned += plans.plan(replace(order, cameras=cameras, source=usable), modalities, pairs=True)
        return planned

    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        first, second = images
        shares = np.array([plans.share(item, self.config.q) for item in items], np.float32)[:, None, None, None]
        blends = np.round(first + shares * (second.astype(np.float32) - first)).astype(np.uint8)
        return grey(blends) if items[0].modality == "infrared" else blends


GENERATOR = ImageInterpolation
