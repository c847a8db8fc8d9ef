"""Expansion: DiVE's pictures for a gallery, one LoRA branch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vireid_lib.data.images import load_images
from vireid_lib.generators import galleries
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.generators.plans import Planned

SOURCE = "dive"


def run_plan(
    model: DiveModel, plan: Sequence[Planned], folder: Path, *, settings: dict, progress: bool = True
) -> pd.DataFrame:
    """Sample what is missing of `plan`; see `galleries.write` for what is written and refused."""

    def key(item: Planned) -> str:
        return model.vocabulary.key(item.camera, item.modality)

    def make(items: Sequence[Planned], attempt: int) -> galleries.Pictures:
        images = None
        if items[0].starts:
            size = (model.config.height, model.config.width)
            images = load_images([item.starts[0] for item in items], size, cache=None).pixels
        requests = [Request(item.identity, key(item), item.seeds[attempt]) for item in items]
        return sample(model, requests, images=images)

    return galleries.write(
        plan,
        make,
        folder,
        source=SOURCE,
        settings=settings,
        batch=model.config.sampling_batch,
        group=lambda item: model.vocabulary.branch(key(item)),
        progress=progress,
    )
