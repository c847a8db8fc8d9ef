"""Spread of an embedding: IIRS and HIMD by hand and by naive loops; sampled pairs are what they are called."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.analysis import embedding_spread


def _table(identities: int, visible: int, infrared: int) -> pd.DataFrame:
    rows = [
        {"identity": f"s/{person}", "modality": modality}
        for person in range(identities)
        for modality, count in (("visible", visible), ("infrared", infrared))
        for _ in range(count)
    ]
    return pd.DataFrame(rows)


def test_spread_agrees_with_naive_loops():
    table = _table(4, 3, 2)
    features = torch.randn(len(table), 6, generator=torch.Generator().manual_seed(0))
    unit = (features / features.norm(dim=1, keepdim=True)).numpy()
    found = embedding_spread.spread(features, table)
    largest, within, centres = [], {"visible": [], "infrared": []}, {"visible": [], "infrared": []}
    for person in sorted(set(table["identity"])):
        own = table["identity"] == person
        side = {modality: unit[(own & (table["modality"] == modality)).to_numpy()] for modality in within}
        largest.append(max(np.linalg.norm(a - b) for a in side["visible"] for b in side["infrared"]))
        for modality, own in side.items():
            within[modality].append(np.mean([np.linalg.norm(a - b) for a, b in itertools.combinations(own, 2)]))
            centres[modality].append(own.mean(0))
    assert found["himd"] == pytest.approx(np.mean(largest), rel=1e-5)
    for modality in within:
        assert found[f"iirs_{modality}"] == pytest.approx(np.mean(within[modality]), rel=1e-5)
    gaps = [[np.linalg.norm(a - b) for b in centres["infrared"]] for a in centres["visible"]]
    assert found["own_centres"] == pytest.approx(np.mean(np.diag(gaps)), rel=1e-4)
    others = [gaps[i][j] for i in range(4) for j in range(4) if i != j]
    assert found["other_centres"] == pytest.approx(np.mean(others), rel=1e-4)


def test_pairs_are_of_the_kind_they_are_called():
    table = _table(3, 2, 2)
    features = torch.zeros(len(table), 6)
    for row, (identity, modality) in enumerate(zip(table["identity"], table["modality"], strict=True)):
        features[row, int(identity[-1])] = 1  # a direction per identity
        features[row, 3 if modality == "visible" else 4] = 1
    found = embedding_spread.pair_distances(features, table, pairs=50)
    assert {name: set(np.round(values, 5)) for name, values in found.items()} == {
        "same person, same modality": {0.0},
        "same person, across modalities": {0.5},
        "different people, across modalities": {1.0},
    }
    assert [len(values) for values in found.values()] == [6, 12, 50]
    with pytest.raises(ValueError, match="no pair"):
        embedding_spread.pair_distances(features[:4], table[:4])


def test_distances_across_modalities_agree_with_a_naive_loop():
    table = _table(3, 2, 4)
    table = pd.concat([table, pd.DataFrame([{"identity": "s/alone", "modality": "visible"}])], ignore_index=True)
    features = torch.randn(len(table), 5, generator=torch.Generator().manual_seed(1))
    unit = torch.nn.functional.normalize(features.double())
    kinds = {True: [], False: []}
    for i, j in itertools.product(range(len(table)), repeat=2):
        one, other = table.iloc[i], table.iloc[j]
        if (one["modality"], other["modality"]) == ("visible", "infrared") and one["identity"] != "s/alone":
            kinds[one["identity"] == other["identity"]].append(1 - float(unit[i] @ unit[j]))
    found = embedding_spread.cross_modality_distances(features, table)
    assert found["intra_distance"] == pytest.approx(np.mean(kinds[True]))
    assert found["inter_distance"] == pytest.approx(np.mean(kinds[False]))
    assert found["delta"] == pytest.approx(found["inter_distance"] - found["intra_distance"])
    with pytest.raises(ValueError, match="fewer than two identities"):
        embedding_spread.cross_modality_distances(features[:6], _table(1, 2, 4))


def test_diversity_compares_the_images_of_one_identity_and_camera():
    table = pd.DataFrame({"identity": ["p"] * 4, "camera": ["1", "1", "2", "2"]})
    east, north = [2.0, 0.0], [0.0, 5.0]
    real = torch.tensor([east, north, east, north])
    assert embedding_spread.diversity(torch.tensor([east, east, east, north]), table, real, table) == pytest.approx(0.5)
    assert embedding_spread.diversity(torch.tensor([east] * 4), table, real, table) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="3 features for 4 rows"):
        embedding_spread.diversity(real[:3], table, real, table)


def test_clusters_stay_apart_and_the_same_seed_gives_the_same_plane():
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(3, 8) * 10
    features = centres.repeat_interleave(8, 0) + 0.3 * torch.randn(24, 8, generator=generator)
    plane = embedding_spread.tsne(features)
    label = np.repeat(np.arange(3), 8)
    distance = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
    assert np.array_equal(plane, embedding_spread.tsne(features))
    with pytest.raises(ValueError, match="at least 4"):
        embedding_spread.tsne(features[:3])
