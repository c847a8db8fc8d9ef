"""Which images DiVE is fitted to: those of the shape of a standing person, those of one camera."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from vireid_lib.data.decode import image_size

if TYPE_CHECKING:
    import pandas as pd

MODALITIES = ("visible", "infrared")
SIZE = lru_cache(maxsize=1 << 18)(image_size)


def upright(paths: Sequence[str], min_aspect: float) -> Bool[np.ndarray, " images"]:
    """Whether each image is at least `min_aspect` times as high as wide; only its header is read."""
    if not min_aspect:
        return np.ones(len(paths), bool)
    with ThreadPoolExecutor() as pool:
        return np.array([height >= min_aspect * width for height, width in pool.map(SIZE, paths)], bool)


def one_camera(table: "pd.DataFrame") -> Bool[np.ndarray, " images"]:
    """Whether each image is external, or of the visible or the infrared camera that were chosen. These are the two with
    most identities in common, so that tokens are shared by both modalities; of equals, the first by name. Where one
    modality has no image, it is the camera with most identities."""
    target = table[table["split"] != "external"]
    seen = {
        name: [(camera, set(own["identity"])) for camera, own in target[target["modality"] == name].groupby("camera")]
        for name in MODALITIES
    }
    pairs = [
        (len((people or others) & (others or people)), visible, infrared)
        for visible, people in seen["visible"] or [("", set())]
        for infrared, others in seen["infrared"] or [("", set())]
    ]
    _, *chosen = max(pairs, key=lambda pair: pair[0])  # the first of the largest
    keep = table["split"].eq("external")
    for name, camera in zip(MODALITIES, chosen, strict=True):
        keep |= table["modality"].eq(name) & table["camera"].eq(camera)
    return keep.to_numpy(bool)
