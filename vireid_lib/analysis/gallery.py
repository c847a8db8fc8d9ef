"""Measures of a gallery's features: identity against other images of the people, fidelity against real infrared."""

import pandas as pd
import torch

from vireid_lib.analysis.embedding_spread import diversity
from vireid_lib.analysis.fidelity import NEIGHBOURS, Measure, frechet, manifold
from vireid_lib.analysis.identity_preservation import identify, identity_distance
from vireid_lib.analysis.subsets import evenly


def of_people(
    made: torch.Tensor, gallery: pd.DataFrame, others: torch.Tensor, rows: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """Whether other images of the same person are the nearest, and how far they are."""
    images = (len(gallery), len(rows))
    share = identify(made, gallery["identity"], others, rows["identity"])
    apart = identity_distance(made, gallery["identity"], others, rows["identity"])
    note = f"guessing gives {share.chance:.3g}"
    return {
        f"right person ({words})": Measure("right person", share.rank_1, images=images, note=note, **about),
        f"distance to {words}": Measure("MD", apart, images=images, note=f"to {words}, L2", **about),
    }


def to_reference(
    made: torch.Tensor, gallery: pd.DataFrame, held: torch.Tensor, real: pd.DataFrame, about: dict, words: str
) -> dict[str, Measure]:
    """How a gallery compares with real infrared images, equal numbers of both."""
    count = min(len(gallery), len(real))
    near = [
        features[torch.from_numpy(evenly(rows, count))].numpy() for features, rows in ((held, real), (made, gallery))
    ]
    found = {"Fréchet distance": frechet(*near, **about)}
    if count > NEIGHBOURS:
        by_k = {"images": (count, count), "note": f"k = {NEIGHBOURS}", **about}
        found |= {name: Measure(name, value, **by_k) for name, value in manifold(*near).items()}
    if all(rows.groupby(["identity", "camera"]).size().max() > 1 for rows in (gallery, real)):
        share, note = diversity(made, gallery, held, real), f"share of the spread of {words}"
        found["variety"] = Measure("variety", share, images=(len(gallery), len(real)), note=note, **about)
    return found
