"""What chapter 01 ranks by before anything is learned, and how it scores one trial."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.evaluation import Scores, Trial, cosine_distance, score

THUMBNAIL = (16, 8)  # pixels
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def untrained_features(pixels: UInt8[np.ndarray, "images height width 3"]) -> Float[Tensor, "images 128"]:
    """Grey thumbnails of 16×8 pixels, each with zero mean: what one can rank by before anything is learned."""
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255
    grey = (images * torch.tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    small = torch.nn.functional.interpolate(grey, THUMBNAIL, mode="area").flatten(1)
    return small - small.mean(1, keepdim=True)


def grey(pixels: UInt8[np.ndarray, "images height width 3"]) -> UInt8[np.ndarray, "images height width 3"]:
    """The images without their colour: luminance in three equal channels."""
    shades = np.round(np.asarray(pixels, np.float32) @ np.array(LUMINANCE, np.float32)).astype(np.uint8)
    return np.repeat(shades[..., None], 3, axis=-1)


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
