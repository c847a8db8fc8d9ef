"""The retrieval explorer shows the ranking of the library, and explains it with the library's Grad-CAM++."""

import numpy as np
import pytest
import torch

from vireid_lib.analysis import retrieval
from vireid_lib.analysis.saliency import grad_cam_plus_plus
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import to_float
from vireid_lib.evaluation import Trial
from vireid_lib.viz import pictures
from vireid_lib.viz.explorers import explore_queries, queries

RULE = "sysu-mm01"


@pytest.fixture
def features(table):
    """Each person's direction, with noise that keeps some queries wrong."""
    generator = torch.Generator().manual_seed(1)
    people = table["identity"].str[-1].astype(int).to_numpy(copy=True)
    return torch.randn(5, 8, generator=generator)[people] + 1.4 * torch.randn(len(table), 8, generator=generator)


@pytest.fixture
def trial(table):
    asks = table["modality"] == "infrared"
    return Trial(table[asks], table[~asks], "one")


def test_queries_are_chosen_by_their_first_image(features, trial):
    outcomes = retrieval.per_query(features, trial, RULE)
    right, wrong = queries.queries(outcomes, "right"), queries.queries(outcomes, "wrong")
    assert right and wrong and sorted(right + wrong) == sorted(queries.queries(outcomes))
    with pytest.raises(ValueError, match="No query has a wrong first image"):
        queries.queries(outcomes.assign(rank=1), "wrong")


def test_the_title_says_what_the_ranking_holds(features, table, trial):
    outcomes = retrieval.per_query(features, trial, RULE)
    query = trial.query.index[0]
    picture = queries.ranked_list(features, table, trial, RULE, query, ranks=4, name="toys")
    order = retrieval.ranked(features, trial, RULE, query)
    ranks = order.loc[order["right"] & ~order["removed"], "rank"].astype(str)
    assert picture.alt.splitlines() == [
        "Trained on: toys. Person 0, camera 3, infrared",
        f"Removed by the protocol: 10 of 20 gallery images. Ranks of the right ones: {', '.join(ranks)}. "
        f"AP {100 * outcomes.loc[query, 'average precision']:.1f} %",
    ]
    heads = [axes.get_title(loc="center") for axes in picture.axes]
    first = order[~order["removed"]].head(4)
    assert heads == ["query", *(f"{row.rank} {'✓' if row.right else '✗'}" for row in first.itertuples())]


def test_heat_is_that_of_each_image_alone(table, network):
    pairs = [(0, 6), (6, 0), (7, 1)]  # a visible image and two infrared ones
    assert table.loc[[0, 6, 7], "modality"].tolist() == ["visible", "infrared", "infrared"]
    together = queries.grad_cam(network, table, pairs)
    module, config = network
    for (row, other), heat in zip(pairs, together, strict=True):
        one, two = (
            normalise(to_float(pictures.pixels(table.loc[[place]], (64, 32)), torch.device("cpu")))
            for place in (row, other)
        )
        with torch.no_grad():
            towards = module.features(two, table.at[other, "modality"])
        alone, _ = grad_cam_plus_plus(module, one, table.at[row, "modality"], towards)
        np.testing.assert_allclose(heat, alone[0].numpy(), atol=1e-5)


def test_networks_are_loaded_only_to_explain(features, table, trial, shown, network):
    def refuse():
        raise AssertionError("loaded without need")

    explore_queries({"toys": features}, table, trial, RULE, {"toys": refuse})
    assert len(shown[0].axes) == 11
    explained = queries.ranked_list(features, table, trial, RULE, trial.query.index[0], ranks=3, network=network)
    assert len(explained.axes) == 2 * 4 and len(explained.axes[-1].images) == 2
