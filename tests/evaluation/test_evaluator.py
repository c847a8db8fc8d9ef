"""Features under a protocol: means over trials, records, and what is refused."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.evaluation import LlcmProtocol, SysuProtocol, cosine_distance, evaluate, ranking, score
from vireid_lib.evaluation.evaluator import dot_distance

MODALITY = dict.fromkeys((1, 2, 4, 5), "visible") | dict.fromkeys((3, 6), "infrared")


def miniature():
    """Make a table in SYSU-MM01's form: three images of six identities in each camera."""
    rows = [
        (f"/data/cam{camera}/{k:04d}/{image:04d}.jpg", f"mini/{k:04d}", f"mini/{camera}", MODALITY[camera], "test")
        for k, camera, image in itertools.product(range(6), range(1, 7), range(1, 4))
    ]
    return pd.DataFrame(rows, columns=["path", "identity", "camera", "modality", "split"])


def features_of(table):
    generator = torch.Generator().manual_seed(0)
    identity = torch.from_numpy(pd.factorize(table["identity"])[0])
    centres = torch.randn(int(identity.max()) + 1, 16, generator=generator)
    return centres[identity] + 2 * torch.randn(len(table), 16, generator=generator)


@pytest.mark.parametrize("chunk", [1, 100, 10**6])
@pytest.mark.parametrize(
    "protocol",
    [
        SysuProtocol(),
        SysuProtocol(galleries=3),
        LlcmProtocol("infrared-to-visible"),
        LlcmProtocol("visible-to-infrared", "release"),
    ],
)
def test_trials_that_share_distances_score_as_each_alone(protocol, chunk, monkeypatch):
    """Queries in common, or the gallery; computed at once, then each trial from its own distances."""
    monkeypatch.setattr(ranking, "CHUNK_ELEMENTS", chunk)
    table = miniature().sample(frac=1, random_state=2).reset_index(drop=True)
    if protocol.rule == "llcm":  # whose cameras have both modalities; its infrared camera 3 is none
        table["camera"] = "llcm/" + table["camera"].str[-1].replace({"3": "1", "6": "2"})
    features = features_of(table)
    rows = []

    def counted(query, gallery):
        rows.append(len(query) * len(gallery))
        return cosine_distance(query, gallery)

    together = evaluate(features, table, protocol, distance=counted)
    trials = protocol.trials(table)
    apart = sum(len(trial.query) * len(trial.gallery) for trial in trials)
    assert sum(rows) < apart / 2
    for trial, found in zip(trials, together.trials, strict=True):
        sides = (side.index.to_numpy(copy=True) for side in (trial.query, trial.gallery))
        query, gallery = (features[torch.from_numpy(rows)] for rows in sides)
        about = {"query_ids": trial.query["identity"], "gallery_ids": trial.gallery["identity"]}
        about |= {"query_cameras": trial.query["camera"], "gallery_cameras": trial.gallery["camera"]}
        alone = score(cosine_distance(query, gallery), **about, rule=protocol.rule)
        np.testing.assert_allclose(found.scores.cmc, alone.cmc, atol=1e-12)
        assert found.scores.mean_ap == pytest.approx(alone.mean_ap, abs=1e-9)
        assert found.scores.valid_queries == alone.valid_queries
    assert together.scores.mean_ap == pytest.approx(np.mean([each.scores.mean_ap for each in together.trials]))
    np.testing.assert_allclose(together.scores.cmc, np.mean([each.scores.cmc for each in together.trials], axis=0))


def test_record_is_json_and_says_what_was_ranked():
    table = miniature()
    record = evaluate(features_of(table), table, SysuProtocol(trial_count=3)).to_dict()
    assert json.loads(json.dumps(record)) == record
    assert record["protocol"]["name"] == "all-search, single-shot, seeded draw"
    assert record["protocol"]["rule"] == "sysu-mm01" and record["distance"] == "cosine_distance"
    assert record["ties"] == "pessimistic" and record["identities_disjoint_from_training"] is None
    assert len({trial["digest"] for trial in record["trials"]}) == 3
    assert record["trials"][0]["queries"] == 36 and record["trials"][0]["gallery"] == 24
    ranks = [trial["rank_1"] for trial in record["trials"]]
    assert record["mean"]["rank_1"] == pytest.approx(np.mean(ranks))
    assert record["deviation_over_trials"]["rank_1"] == pytest.approx(np.std(ranks, ddof=1))


def test_another_distance():
    table = miniature()
    asked = features_of(table), table, SysuProtocol(trial_count=1)
    near, other = (evaluate(*asked, distance=distance) for distance in (cosine_distance, torch.cdist))
    assert other.to_dict()["distance"] == "cdist" and near.scores.mean_ap != other.scores.mean_ap
    assert cosine_distance(2 * torch.eye(2), torch.eye(2)).tolist() == [[0, 1], [1, 0]]
    assert dot_distance(2 * torch.eye(2), torch.eye(2)).tolist() == [[-2, 0], [0, -2]]


def test_features_that_are_not_finite_are_refused_by_name():
    table = miniature()
    features = features_of(table)
    features[[7, 9], 3] = torch.tensor([float("nan"), float("inf")])
    with pytest.raises(ValueError, match=r"2 of 108 images are not finite, first that of /data/cam3/0000/0002.jpg"):
        evaluate(features, table, SysuProtocol())


def test_identities_that_were_trained_on_are_refused():
    table = miniature()
    with pytest.raises(ValueError, match="1 of 6 query identities were trained on, mini/0003"):
        evaluate(features_of(table), table, SysuProtocol(), trained_identities=["mini/0003", "other/0001"])
    evaluation = evaluate(features_of(table), table, SysuProtocol(), trained_identities=["other/0003"])
    assert evaluation.disjoint is True
