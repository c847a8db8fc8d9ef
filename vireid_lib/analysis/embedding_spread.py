"""How an embedding spreads, within and across modalities and between identities; and its picture in the plane."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Features = Float[Tensor, "images dim"]
"""A row for each image of a table."""


def intra_identity_spread(features: Features, identities: Sequence[str]) -> float:
    """IIRS, the intra-modality intra-identity representation space (DEN, section 3.1, eq. 1). The mean Euclidean
    distance between the L2-normalised features of two different images of one identity in one modality: first over an
    identity's pairs, then over identities. 0 is a point per identity; √2 ≈ 1.41 is what unrelated directions have.
    Raises ValueError: no identity has two images."""
    several = (functional.normalize(features[rows]) for rows in _rows_of_each(identities) if len(rows) > 1)
    means = [float(torch.pdist(unit).mean()) for unit in several]
    if not means:
        raise ValueError("intra_identity_spread: no identity has two images in this modality; hand in more rows")
    return float(np.mean(means))


def diversity(synthetic: Features, synthetic_table: pd.DataFrame, real: Features, real_table: pd.DataFrame) -> float:
    """The mean distance between two synthetic images of one identity under one camera, over that of real ones. 0 is
    always the same picture, 1 varies as real images do; far above 1 can mean that the identity is lost. Raises
    ValueError: the rows do not fit, or no identity has two images under one camera."""
    spreads = []
    for features, table in ((synthetic, synthetic_table), (real, real_table)):
        if len(features) != len(table):
            raise ValueError(f"diversity: {len(features)} features for {len(table)} rows.")
        spreads.append(intra_identity_spread(features, (table["identity"] + " " + table["camera"]).tolist()))
    return spreads[0] / spreads[1]


def spread(features: Features, table: pd.DataFrame) -> dict[str, float]:
    """IIRS of each modality ("iirs_visible", "iirs_infrared": `intra_identity_spread`); "himd", the hetero-modality
    intra-identity maximum distance (DEN, section 4.4, Table 6), the mean over identities of the largest Euclidean
    distance between a visible and an infrared image of the identity, features L2-normalised; and the mean distances
    across modalities between the centres of one identity ("own_centres") and of different ones ("other_centres").
    Raises ValueError: no identity is there in both modalities."""
    if not (pairs := _both_modalities(table)):
        raise ValueError("spread: no identity has images in both modalities; hand in more rows")
    within = {}
    for name in ("visible", "infrared"):
        rows = np.flatnonzero(table["modality"] == name)
        within[f"iirs_{name}"] = intra_identity_spread(features[rows], table["identity"].iloc[rows])
    unit = functional.normalize(features)
    largest = [float(torch.cdist(unit[visible], unit[infrared]).max()) for visible, infrared in pairs]
    centres = [torch.stack([unit[rows].mean(0) for rows in side]) for side in zip(*pairs, strict=True)]
    distances = torch.cdist(*centres)
    own = distances.diagonal()
    others = distances[~torch.eye(len(own), dtype=torch.bool)]
    return {
        **within,
        "himd": float(np.mean(largest)),
        "own_centres": float(own.mean()),
        "other_centres": float(others.mean()) if len(others) else float("nan"),
    }


def cross_modality_distances(features: Features, table: pd.DataFrame) -> dict[str, float]:
    """Mean cosine distance of all pairs of a visible and an infrared image: "intra_distance" (of one identity),
    "inter_distance" (of different ones), and "delta", their difference, the δ of DEEN's Fig. 7. Raises ValueError: no
    identity, or one alone, is there in both modalities."""
    unit = functional.normalize(features.double())
    sides = _both_modalities(table)
    if len(sides) < 2:
        raise ValueError("cross_modality_distances: fewer than two identities are there in both modalities")
    # The sum of all inner products of two sets is the inner product of their sums: no pair need be formed.
    sums = [torch.stack([unit[side[place]].sum(dim=0) for side in sides]) for place in (0, 1)]
    counts = [torch.tensor([len(side[place]) for side in sides], dtype=torch.float64) for place in (0, 1)]
    products, pairs = sums[0] @ sums[1].T, counts[0][:, None] * counts[1]
    own = torch.eye(len(sides), dtype=torch.bool)
    intra, inter = (1 - float(products[which].sum() / pairs[which].sum()) for which in (own, ~own))
    return {"intra_distance": intra, "inter_distance": inter, "delta": inter - intra}


def pair_distances(
    features: Features, table: pd.DataFrame, *, pairs: int = 20_000
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """Up to `pairs` cosine distances, 0..2, of random pairs of images, by what the two have in common: "same person,
    same modality", "same person, across modalities" and "different people, across modalities". Raises ValueError: there
    are no pairs of some kind."""
    unit = functional.normalize(features)
    generator = np.random.default_rng(0)
    labels = np.unique(table["identity"].to_numpy(dtype=object), return_inverse=True)[1]
    infrared = (table["modality"] == "infrared").to_numpy()
    within, across = [], []
    for label in np.unique(labels):
        own = [np.flatnonzero((labels == label) & modality) for modality in (infrared, ~infrared)]
        within += [side[np.stack(np.triu_indices(len(side), 1))] for side in own]
        across.append(np.stack([side.ravel() for side in np.meshgrid(own[1], own[0])]))
    drawn = np.stack([generator.choice(np.flatnonzero(side), 2 * pairs) for side in (~infrared, infrared)])
    kinds: dict[str, list[np.ndarray]] = {
        "same person, same modality": within,
        "same person, across modalities": across,
        "different people, across modalities": [drawn[:, labels[drawn[0]] != labels[drawn[1]]][:, :pairs]],
    }
    found = {}
    for name, parts in kinds.items():
        whole = np.concatenate(parts, axis=1)
        if not whole.shape[1]:
            raise ValueError(f"pair_distances: there is no pair of the kind {name!r}; hand in more rows")
        chosen = torch.from_numpy(whole[:, generator.permutation(whole.shape[1])[:pairs]])
        found[name] = (1 - (unit[chosen[0]] * unit[chosen[1]]).sum(1)).numpy()
    return found


def tsne(features: Features, *, perplexity: float = 15.0) -> Float[np.ndarray, "images 2"]:
    """t-SNE (van der Maaten and Hinton 2008) of L2-normalised features, started from their principal components.
    `perplexity` is roughly how many neighbours each image is held to; it is lowered to a third of the images if need
    be. Neighbours stay neighbours; distances between clusters and their sizes mean nothing. Raises ValueError: fewer
    than four images."""
    from sklearn.manifold import TSNE  # slow to import

    if len(features) < 4:
        raise ValueError(f"tsne of {len(features)} images; it needs at least 4")
    unit = functional.normalize(features).numpy()
    model = TSNE(init="pca", perplexity=min(perplexity, (len(unit) - 1) / 3), random_state=0)
    return model.fit_transform(unit).astype(np.float64)


def _rows_of_each(identities: Sequence[str]) -> list[Tensor]:
    names, labels = np.unique(np.asarray(identities, dtype=object), return_inverse=True)
    return [torch.from_numpy(np.flatnonzero(labels == place)) for place in range(len(names))]


def _both_modalities(table: pd.DataFrame) -> list[tuple[Tensor, Tensor]]:
    """(visible rows, infrared rows) of each identity that has both."""
    infrared = torch.from_numpy((table["modality"] == "infrared").to_numpy(copy=True))
    sides = ((rows[~infrared[rows]], rows[infrared[rows]]) for rows in _rows_of_each(table["identity"]))
    return [(visible, other) for visible, other in sides if len(visible) and len(other)]
