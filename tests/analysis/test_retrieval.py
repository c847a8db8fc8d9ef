"""Ranked lists: they agree with the library's scores and name the right rows."""

import numpy as np
import pytest
import torch

from vireid_lib.analysis import retrieval
from vireid_lib.evaluation import cosine_distance, score


def test_a_ranking_by_hand_gives_the_scores_of_the_library(made_up_trial):
    features, trial = made_up_trial()
    distances = cosine_distance(features[trial.query.index], features[trial.gallery.index]).numpy()
    precision, penalty, first = [], [], []
    for place in range(len(trial.query)):
        asked = trial.query.iloc[place]
        ranked = retrieval.ranked(features, trial, "sysu-mm01", trial.query.index[place])
        hits = ranked[ranked["right"] & ~ranked["removed"]]
        assert ranked["removed"].sum() == (24 if asked["camera"] == "set/3" else 0)
        precision.append(hits["precision"].mean())
        penalty.append(len(hits) / hits["rank"].iloc[-1])
        first.append(hits["identity rank"].iloc[0])
    about = {"query_ids": trial.query["identity"], "gallery_ids": trial.gallery["identity"]}
    about |= {"query_cameras": trial.query["camera"], "gallery_cameras": trial.gallery["camera"]}
    found = score(distances, **about, rule="sysu-mm01")
    assert found.mean_ap == pytest.approx(np.mean(precision), abs=1e-6)
    assert found.mean_inp == pytest.approx(np.mean(penalty), abs=1e-6)
    assert found.cmc == pytest.approx([np.mean(np.asarray(first) <= k) for k in range(1, 13)])
    outcomes = retrieval.per_query(features, trial, "sysu-mm01")
    assert outcomes["average precision"].tolist() == pytest.approx(precision)
    assert outcomes["identity rank"].tolist() == first


def test_transitions_and_flipped_queries_agree(made_up_trial):
    features, trial = made_up_trial()
    other = features + torch.randn(features.shape, generator=torch.Generator().manual_seed(9))
    before, after = (retrieval.per_query(each, trial, "sysu-mm01") for each in (other, features))
    table = retrieval.transitions(before, after)
    assert table.to_numpy().sum() == len(before)
    assert table.loc["right"].sum() == (before["rank"] == 1).sum()
    for right, count in ((True, table.loc["wrong", "right"]), (False, table.loc["right", "wrong"])):
        rows = retrieval.flipped_queries(before, after, right=right, count=100)
        assert len(rows) == count and ((after.loc[rows, "rank"] == 1) == right).all()
