"""Embedding explorer: a projection coloured by identity, modality, camera or source, whose points open their image."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.data import tables
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.features import extract
from vireid_lib.viz import Picture, coloured, widgets
from vireid_lib.viz.explorers.point_picture import Card, PointPicture
from vireid_lib.viz.pictures import pixels, short

SCHEMES = ("identity", "modality", "camera", "source")
NEIGHBOURS = 5
THUMBNAIL = (96, 48)

Network = tuple[nn.Module, ReidConfig]


def explore_embedding(
    test: pd.DataFrame,
    networks: Mapping[str, Callable[[], Network]],
    *,
    synthetic: pd.DataFrame | None = None,
    people: int = 8,
    others: int = 2,
    first: str = "",
) -> None:
    """Show one network's t-SNE, whose points can be clicked; in an interactive session, choose network and colours.

    A click shows the image and those whose features are nearest, in all dimensions. It works in any browser, also
    where no kernel runs any more: on the published page as well.

    Args:
        test: rows of test people.
        networks: network's name → loads it.
        synthetic: visible and synthetic infrared rows of external people, to stand beside the test people's.
        people, others: how many of the test people and of the external ones.
        first: the network that is shown first; empty takes the first one.
    """
    rows = sample(test, synthetic, people=people, others=others)
    start, features = first or next(iter(networks)), cache(lambda name: features_of(networks[name](), rows))
    points = cache(lambda name, perplexity: tsne(features(name), perplexity=perplexity))

    def embedding(network=start, colour="identity", perplexity=15) -> PointPicture:
        """One network's features of a few people in the plane."""
        words = f"t-SNE of {len(rows)} images, coloured by {colour}; trained on: {network}"
        picture = plane(points(network, perplexity), rows, colour, title=words)
        return clickable(picture, points(network, perplexity), rows, features(network))

    schemes = [name for name in SCHEMES if rows[name].nunique() > 1]
    widgets.explore(embedding, network=list(networks), colour=schemes, perplexity=[5, 15, 30])


def sample(test: pd.DataFrame, synthetic: pd.DataFrame | None, *, people: int, others: int) -> pd.DataFrame:
    """A few people's rows, and a few external people's if there are such; index 0..n-1."""
    parts = [(test, people), *([] if synthetic is None else [(synthetic, others)])]
    return tables.concat(*(rows.iloc[readable_sample(rows, identities=count)] for rows, count in parts))


def features_of(network: Network, rows: pd.DataFrame) -> Float[Tensor, "images dim"]:
    """Features of rows that no stage has kept."""
    return extract(network[0], rows, network[1], None)


def plane(
    points: Float[np.ndarray, "images 2"], rows: pd.DataFrame, colour: str = "identity", *, title: str = ""
) -> Picture:
    """Projected features in the colours of a column of `rows`; markers are modalities, synthetic images hollow."""
    return coloured(
        points,
        labels=_names(rows[colour].astype(str)),
        scheme=colour,
        modalities=rows["modality"].tolist(),
        sources=rows["source"].tolist(),
        title=title,
    )


def _names(values: pd.Series) -> list[str]:
    """Without the data set, unless two of them would then be called the same."""
    plain = {value: short(value) for value in values.unique()}
    taken = pd.Series(plain).value_counts()
    return [value if taken[plain[value]] > 1 else plain[value] for value in values]


def nearest(
    features: Float[Tensor, "images dim"], count: int = NEIGHBOURS
) -> tuple[np.ndarray, Float[np.ndarray, "images count"]]:
    """For each image the others nearest to it by cosine distance in all dimensions: places [n, count], distances."""
    unit = functional.normalize(features)
    distances = 1 - unit @ unit.T
    distances.fill_diagonal_(torch.inf)
    found = distances.topk(min(count, len(features) - 1), largest=False)
    return found.indices.numpy(), found.values.numpy()


def clickable(
    picture: Picture, points: Float[np.ndarray, "images 2"], rows: pd.DataFrame, features: Float[Tensor, "images dim"]
) -> PointPicture:
    """The picture with its points as buttons: each shows its image and the images nearest to it."""
    places, distances = nearest(features)
    cards = []
    for row, own, far in zip(rows.itertuples(), places, distances, strict=True):
        same = [rows["identity"].iloc[place] == row.identity for place in own]
        cards.append(
            Card(
                f"person {short(row.identity)}, camera {short(row.camera)}, {row.modality}, {row.source}",
                [
                    (int(place), f"{'✓' if right else '✗'} {distance:.2f}")
                    for place, right, distance in zip(own, same, far, strict=True)
                ],
            )
        )
    return PointPicture(picture, points, pixels(rows, THUMBNAIL), cards, "nearest images (✓ same person, distance)")
