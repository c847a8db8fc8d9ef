"""Retrieval explorer: any query's ranked gallery, what the protocol removed, and where Grad-CAM++ looks."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.analysis.retrieval import per_query, ranked
from vireid_lib.analysis.saliency import grad_cam_plus_plus
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import load_images, to_float
from vireid_lib.evaluation import Trial
from vireid_lib.reid.config import ReidConfig
from vireid_lib.viz import Picture, query_list, widgets
from vireid_lib.viz.pictures import pixels, short

Network = tuple[nn.Module, ReidConfig]
OUTCOMES = ("any", "right", "wrong")


def explore_queries(
    features: Mapping[str, Float[Tensor, "images dim"]],
    table: pd.DataFrame,
    trial: Trial,
    rule: str,
    networks: Mapping[str, Callable[[], Network]],
    *,
    first: str = "",
) -> None:
    """Show one query's ranked list; in an interactive session, choose network and query, and ask for explanations.

    Args:
        features: network's name → features of the table's rows.
        table: the rows that the trial was drawn from, with index 0..n-1.
        networks: network's name → loads it; called only when Grad-CAM++ is asked for.
        first: the network that is shown first; empty takes the first one.
    """
    outcomes, load = cache(lambda name: per_query(features[name], trial, rule)), cache(lambda name: networks[name]())

    start = first or next(iter(features))

    def query_explorer(
        network=start, first_image="any", query=0, ranks=10, show_removed=False, grad_cam=False
    ) -> Picture:
        """One query under one network."""
        chosen = queries(outcomes(network), first_image)
        opened = load(network) if grad_cam else None
        return ranked_list(
            features[network],
            table,
            trial,
            rule,
            chosen[query % len(chosen)],
            ranks=ranks,
            removed=show_removed,
            network=opened,
            name=network,
        )

    widgets.explore(
        query_explorer,
        network=list(features),
        first_image=OUTCOMES,
        query=range(len(outcomes(start))),
        ranks=[5, 10, 15],
        show_removed=True,
        grad_cam=True,
    )


def queries(outcomes: pd.DataFrame, first_image: str = "any") -> list[int]:
    """The queries whose first gallery image is "right" or "wrong", or "any".

    Args:
        outcomes: as `retrieval.per_query` returns it.

    Raises:
        ValueError: there is none.
    """
    right = outcomes["rank"] == 1
    chosen = outcomes if first_image == "any" else outcomes[right == (first_image == "right")]
    if chosen.empty:
        raise ValueError(f"No query has a {first_image} first image.")
    return chosen.index.tolist()


def ranked_list(
    features: Float[Tensor, "images dim"],
    table: pd.DataFrame,
    trial: Trial,
    rule: str,
    query: int,
    *,
    ranks: int = 10,
    removed: bool = False,
    network: Network | None = None,
    name: str = "",
) -> Picture:
    """One query and the gallery images nearest to it, right and wrong, with their distances.

    Args:
        ranks: how many gallery images are shown.
        removed: show those that the rule removes too, faded, where they would have been.
        network: explains each gallery image by its similarity to the query (and the query by its similarity to the
            first one left), by Grad-CAM++; None explains nothing.
        name: of the network, for the title.
    """
    order = ranked(features, trial, rule, query)
    kept = order[~order["removed"]]
    shown = (order if removed else kept).head(ranks)
    hits = kept.loc[kept["right"], "rank"].astype(int).tolist()
    precision = float(np.mean([(place + 1) / rank for place, rank in enumerate(hits)])) if hits else 0.0
    person, camera, modality = (str(table.at[query, column]) for column in ("identity", "camera", "modality"))
    words = f"{', '.join(map(str, hits[:6]))}{', …' * (len(hits) > 6)}" if hits else "none: not in this gallery"
    heat = None
    if network is not None:
        heat = grad_cam(network, table, [(query, int(kept["row"].iloc[0])), *((row, query) for row in shown["row"])])
    return query_list(
        pixels(table.loc[[query]])[0],
        list(pixels(table.loc[shown["row"]])),
        shown,
        heat=heat,
        query_label=f"{short(person)}\ncamera {short(camera)}",
        title=f"{f'Trained on: {name}. ' if name else ''}Person {short(person)}, camera {short(camera)}, {modality}\n"
        f"Removed by the protocol: {int(order['removed'].sum())} of {len(order)} gallery images. "
        f"Ranks of the right ones: {words}. AP {100 * precision:.1f} %",
    )


def grad_cam(network: Network, table: pd.DataFrame, pairs: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Grad-CAM++ of the first image of each pair for its cosine similarity to the second, 0..1.

    Args:
        pairs: (row, row) in the table.
    """
    module, config = network
    rows = sorted({row for pair in pairs for row in pair})
    images = np.asarray(load_images(table.loc[rows, "path"].tolist(), (config.height, config.width), cache=None).pixels)
    device = next(module.parameters()).device
    ready = dict(zip(rows, normalise(to_float(images, device)), strict=True))
    modality = table["modality"].to_dict()
    towards = {}
    with torch.no_grad():
        for row in {other for _, other in pairs}:
            towards[row] = module.features(ready[row][None], modality[row])[0]
    found: dict[int, np.ndarray] = {}
    for kind in {modality[row] for row, _ in pairs}:
        places = [place for place, (row, _) in enumerate(pairs) if modality[row] == kind]
        heat, _ = grad_cam_plus_plus(
            module,
            torch.stack([ready[pairs[place][0]] for place in places]),
            kind,
            torch.stack([towards[pairs[place][1]] for place in places]),
        )
        found.update(zip(places, heat.numpy(), strict=True))
    return [found[place] for place in range(len(pairs))]
