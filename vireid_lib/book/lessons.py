"""What chapter 01 ranks by before anything is learned, and how it scores one trial."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.data.augment import luminance
from vireid_lib.evaluation import Scores, Trial, cosine_distance, score

THUMBNAIL = (16, 8)  # pixels


def untrained_features(pixels: UInt8[np.ndarray, "images height width 3"]) -> Float[Tensor, "images 128"]:
    """Grey thumbnails of 16×8 pixels, each with zero mean: what one can rank by before anything is learned."""
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255
    grey = luminance(images)
    small = torch.nn.functional.interpolate(grey, THUMBNAIL, mode="area").flatten(1)
    return small - small.mean(1, keepdim=True)


def score_trial(features: Float[Tensor, "images dim"], trial: Trial, rule: str, *, swapped: bool = False) -> Scores:
    """Score one trial by cosine distance; `swapped` lets the gallery ask and the queries answer.

    Args:
        features: one row per row of the table that the trial was drawn from (with its index 0..n-1).
    """
    query, gallery = (trial.gallery, trial.query) if swapped else (trial.query, trial.gallery)
    rows = [torch.from_numpy(part.index.to_numpy(copy=True)) for part in (query, gallery)]
    return score(
        cosine_distance(features[rows[0]], features[rows[1]]),
        query_ids=query["identity"].to_numpy(),
        gallery_ids=gallery["identity"].to_numpy(),
        query_cameras=query["camera"].to_numpy(),
        gallery_cameras=gallery["camera"].to_numpy(),
        rule=rule,
    )
