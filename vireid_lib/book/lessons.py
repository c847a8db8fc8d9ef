"""Live demonstrations for chapter 01: the mistakes that have cost people weeks."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vireid_lib.book.retrieval import per_query
from vireid_lib.evaluation import Scores, Trial, cosine_distance, score

THUMBNAIL = (16, 8)  # pixels
NOISE = 0.5  # of the features' standard deviation
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


def counting(features: Float[Tensor, "images dim"], trial: Trial, rule: str) -> pd.DataFrame:
    """The same rankings, the CMC counted in the two ways that are in use, in percent.

    Returns:
        index "each identity once" and "every image"; columns rank-1, rank-5, rank-10, rank-20.
    """
    found = per_query(features, trial, rule)
    ranks = {"each identity once": found["identity rank"], "every image": found["rank"]}
    shares = {name: [100 * float((column <= k).mean()) for k in (1, 5, 10, 20)] for name, column in ranks.items()}
    return pd.DataFrame.from_dict(shares, orient="index", columns=["rank-1", "rank-5", "rank-10", "rank-20"])


def chosen_on_the_test_set(
    features: Float[Tensor, "images dim"], trial: Trial, rule: str, *, candidates: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Score many networks that are equally good by construction on two halves of the test identities.

    Each "network" gives the same features with noise of its own, half as large as the features' own spread, as the
    last epochs of a training differ. Whichever looks best on one half of the people owes that to luck alone, as the
    other half shows: so does an epoch that was chosen on the test set.

    Returns:
        one row per candidate; columns "choosing half" and "other half", rank-1 in percent.
    """
    generator = torch.Generator().manual_seed(seed)
    people = sorted(set(trial.query["identity"]))
    halves = {"choosing half": set(people[::2]), "other half": set(people[1::2])}
    noise = NOISE * float(features.std())
    rows = []
    for _ in range(candidates):
        noisy = features + noise * torch.randn(features.shape, generator=generator)
        row = {}
        for name, half in halves.items():
            parts = (part[part["identity"].isin(half)] for part in (trial.query, trial.gallery))
            row[name] = 100 * score_trial(noisy, Trial(*parts, trial.name), rule).rank(1)
        rows.append(row)
    return pd.DataFrame(rows)


def seen_in_training(identities: int, splits: int = 10, seed: int = 0) -> pd.Series:
    """Share of each split's test identities, in percent, that a network trained on split 1 has been trained on,
    when every split cuts the identities anew into halves for training and test, as RegDB's ten do."""
    generator = np.random.default_rng(seed)
    cuts = [generator.permutation(identities) for _ in range(splits)]
    trained = set(cuts[0][: identities // 2])
    shares = [100 * np.mean([person in trained for person in cut[identities // 2 :]]) for cut in cuts]
    return pd.Series(shares, index=pd.RangeIndex(1, splits + 1, name="split"), name="trained on, %")
