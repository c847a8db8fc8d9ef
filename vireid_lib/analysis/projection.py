"""Features in the plane: t-SNE, and which images to put into it so that a reader can follow."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from sklearn.manifold import TSNE
from torch import Tensor


def tsne(features: Float[Tensor, "images dim"], *, perplexity: float = 15.0) -> Float[np.ndarray, "images 2"]:
    """t-SNE (van der Maaten and Hinton 2008) of L2-normalised features, started from their principal components.
    `perplexity` is roughly how many neighbours each image is held to; it is lowered to a third of the images if need
    be. Neighbours stay neighbours; distances between clusters and their sizes mean nothing. Raises ValueError: fewer
    than four images."""
    if len(features) < 4:
        raise ValueError(f"tsne of {len(features)} images; it needs at least 4")
    unit = torch.nn.functional.normalize(features).numpy()
    model = TSNE(init="pca", perplexity=min(perplexity, (len(unit) - 1) / 3), random_state=0)
    return model.fit_transform(unit).astype(np.float64)


def readable_sample(table: pd.DataFrame, *, identities: int = 10, images: int = 8) -> np.ndarray:
    """Row numbers of a few identities with both modalities, with at most so many images of each modality, spread over
    its cameras: what a reader can still tell apart."""
    both = table.groupby("identity")["modality"].nunique()
    chosen = sorted(np.random.default_rng(0).permutation(sorted(both.index[both == 2]))[:identities])
    rows = []
    shuffled = table.reset_index(drop=True).sample(frac=1, random_state=0)
    for name in chosen:
        for modality in ("visible", "infrared"):
            own = shuffled[(shuffled["identity"] == name) & (shuffled["modality"] == modality)]
            # One image of every camera before a second of any.
            turn = own.groupby("camera").cumcount()
            rows += turn.sort_values(kind="stable").index[:images].tolist()
    return np.asarray(rows, dtype=np.int64)
