"""Wrong labels on purpose: how robust is a training to mistakes of those who annotated its images?"""

import math

import numpy as np
from jaxtyping import Bool, Int64

TRIES = 100
Labels, Mask = Int64[np.ndarray, " rows"], Bool[np.ndarray, " rows"]


def replace_labels(labels: Labels, visible: Mask, share: float, seed: int, *, spare: Mask | None = None) -> Labels:
    """Give a share of the images of each modality the label of another identity; `labels` is not changed.

    In each modality on its own, ceil(share · N) of the N images get one of the other identities, all equally likely
    (the symmetric noise of DART, Yang et al. 2022, as released). A wrong label in one modality also pairs images of
    different people across the modalities: the paper's "twin" noise. As in the release on RegDB, a draw that leaves an
    identity without an image in a modality is made again. The labels of `spare` images are never touched and their
    identities never given (external ones). `share` is at least 0 and less than 1. Raises ValueError: there is no other
    identity to take, or each of 100 draws left an identity without images.
    """
    noisy = labels.copy()
    if share == 0:
        return noisy
    eligible = np.ones(len(labels), dtype=bool) if spare is None else ~spare
    identities = np.unique(labels[eligible])
    if len(identities) < 2:
        raise ValueError(f"Labels cannot be exchanged among {len(identities)} identities: it takes two.")
    random = np.random.default_rng(seed)
    for modality, rows in (("visible", visible & eligible), ("infrared", ~visible & eligible)):
        rows = np.flatnonzero(rows)
        count = math.ceil(round(share * len(rows), 9))  # 0.07 · 100 is 7, not 7.000000000000001
        places = np.searchsorted(identities, labels[rows])
        for _ in range(TRIES):
            drawn, chosen = places.copy(), random.choice(len(rows), count, replace=False)
            # A step of 1 to n−1 around the circle of identities never leads back to the same one.
            drawn[chosen] = (places[chosen] + random.integers(1, len(identities), count)) % len(identities)
            if np.isin(places, drawn).all():
                noisy[rows] = identities[drawn]
                break
        else:
            raise ValueError(f"{TRIES} draws each left an identity without a {modality} image: lower `label_noise`.")
    return noisy
