"""Each rule on rankings small enough to score by hand, every rule against a loop over queries, and what is refused."""

import warnings

import numpy as np
import pytest
import torch

from vireid_lib.evaluation import TiedDistancesWarning, ranking, score

GPU = pytest.param(400, "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
EVERY_RULE = pytest.mark.parametrize("rule", ["sysu-mm01", "regdb", "llcm", "market-1501"])
LETTERS = {
    "market-1501": [{"j": -1, "d": 0, "r": 1, "w": 2}, {"j": "m/-1", "d": "m/0000", "r": "m/0001", "w": "m/0002"}]
}


@pytest.mark.parametrize(
    ("rule", "query", "gallery", "cmc", "mean_ap", "mean_inp"),
    [
        # Camera 3 ignores camera 2, whatever the identity, and leaves c, a, a; camera 6 sees all of them.
        ("sysu-mm01", "a3", "b2 a2 c1 a4 a5 d2", [0, 1], (1 / 2 + 2 / 3) / 2, 2 / 3),
        ("sysu-mm01", "a6", "b2 a2 c1 a4 a5 d2", [0, 1, 1, 1], (1 / 2 + 2 / 4 + 3 / 5) / 3, 3 / 5),
        # The curve counts an identity once; its own camera number stays.
        ("sysu-mm01", "a6", "b1 b4 b5 a1 c1", [0, 1, 1], 1 / 4, 1 / 4),
        ("sysu-mm01", "a3", "a3 b1", [1, 1], 1, 1),
        # The same identity by the same camera goes, and leaves b, b, a, c.
        ("llcm", "a3", "a3 b3 b1 a1 c3", [0, 1, 1], 1 / 3, 1 / 3),
        # Nothing goes, and images are counted.
        ("regdb", "a3", "b3 b3 a3 a1 b1", [0, 0, 1, 1, 1], (1 / 3 + 2 / 4) / 2, 1 / 2),
        # Junk goes, distractors stay, images are counted.
        ("market-1501", "r3", "j1 r3 d1 d2 j4 r2 w3", [0, 0, 1, 1, 1, 1, 1], 1 / 3, 1 / 3),
    ],
)
def test_rules_by_hand(rule, query, gallery, cmc, mean_ap, mean_inp):
    """One query; the gallery from the nearest image to the farthest: each has an identity's letter and a camera."""
    seen = [query, *gallery.split()]
    for letters in LETTERS.get(rule, [dict(zip("abcd", "abcd", strict=True))]):
        ids, cameras = [letters[each[0]] for each in seen], [int(each[1]) for each in seen]
        about = {"query_ids": ids[:1], "gallery_ids": ids[1:], "query_cameras": cameras[:1]}
        scores = score(np.arange(1.0, len(seen))[None], **about, gallery_cameras=cameras[1:], rule=rule)
        assert scores.cmc.tolist() == cmc
        assert (scores.mean_ap, scores.mean_inp) == pytest.approx((mean_ap, mean_inp))


def test_queries_without_a_right_image_are_skipped():
    """Query 2 has no match at all, query 3 only one that its camera ignores."""
    about = {"query_ids": ["a", "z", "c"], "query_cameras": [6, 6, 3], "gallery_ids": ["a", "b", "c"]}
    distances = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    scores = score(distances, **about, gallery_cameras=[1, 1, 2], rule="sysu-mm01")
    assert scores.valid_queries == 1
    assert scores.cmc.tolist() == [1, 1, 1] and scores.mean_ap == scores.mean_inp == 1


def test_cmc_is_as_long_as_the_identities_left_or_20():
    ids = [f"{k:02d}" for k in range(30)]
    distances = np.arange(30.0)[None]
    cameras = {"query_cameras": [3], "gallery_cameras": [1] * 7 + [2] * 23}
    scores = score(distances, query_ids=["03"], gallery_ids=ids, rule="sysu-mm01", **cameras)
    assert scores.cmc.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert scores.rank(4) == 1 and scores.rank(20) == 1
    scores = score(distances, query_ids=["03"], gallery_ids=ids, rule="regdb")
    assert len(scores.cmc) == 20
    with pytest.raises(ValueError, match="rank 21"):
        scores.rank(21)


@EVERY_RULE
def test_a_collapsed_embedding_does_not_score_by_gallery_order(rule):
    ids = np.arange(10).repeat(2)
    arguments = {"query_cameras": np.full(20, 6), "gallery_cameras": np.full(20, 1), "rule": rule}
    with pytest.warns(TiedDistancesWarning, match="20 of 20 queries"):
        scores = score(np.ones((20, 20)), query_ids=ids, gallery_ids=ids, **arguments)
    assert scores.cmc[0] == 0 and scores.tied_queries == 20
    assert scores.mean_ap == pytest.approx((1 / 19 + 2 / 20) / 2)
    assert scores.mean_inp == pytest.approx(2 / 20)
    assert scores.cmc[-1] == 1 or rule in ("regdb", "market-1501")


def test_ties_that_change_nothing_are_not_warned_about():
    """Right with right, wrong with wrong; and one of very many queries, which is counted all the same."""
    scores = score(torch.tensor([[1.0, 1.0, 2.0, 2.0]]), query_ids=[1], gallery_ids=[1, 1, 2, 3], rule="regdb")
    assert scores.tied_queries == 0 and scores.mean_ap == 1
    distances = torch.tensor([[1.0, 1.0]] + [[1.0, 2.0]] * 1200)
    scores = score(distances, query_ids=[1] * 1201, gallery_ids=[1, 2], rule="regdb")
    assert scores.tied_queries == 1 and scores.cmc[0] == pytest.approx(1200 / 1201)


def loop(distances, query_ids, query_cameras, gallery_ids, gallery_cameras, rule):
    """The definition, a query at a time: ascending distance, at equal distance the wrong images first."""
    curves, precisions, penalties = [], [], []
    for row, identity, camera in zip(distances, query_ids, query_cameras, strict=True):
        ranked = []
        for distance, other, place in zip(row, gallery_ids, gallery_cameras, strict=True):
            if rule == "sysu-mm01" and camera == 3 and place == 2:
                continue
            if rule in ("llcm", "market-1501") and other == identity and place == camera:
                continue
            if rule == "market-1501" and other == -1:
                continue
            ranked.append((distance, other == identity, other))
        ranked.sort(key=lambda image: image[:2])
        hits = [rank for rank, image in enumerate(ranked, start=1) if image[1]]
        if not hits:
            continue
        precisions.append(np.mean([number / rank for number, rank in enumerate(hits, start=1)]))
        penalties.append(len(hits) / hits[-1])
        before = [image[2] for image in ranked[: hits[0] - 1]]
        first = 1 + (len(set(before)) if rule in ("sysu-mm01", "llcm") else len(before))
        curves.append([first <= k for k in range(1, 21)])
    return np.mean(curves, axis=0), np.mean(precisions), np.mean(penalties), len(curves)


@EVERY_RULE
@pytest.mark.parametrize("levels", [None, 7])
@pytest.mark.parametrize(("chunk", "device"), [(1, "cpu"), (400, "cpu"), (10**6, "cpu"), GPU])
def test_agrees_with_a_loop(rule, levels, chunk, device, monkeypatch):
    """Random rankings, with and without ties, in chunks of one query, of some and all at once."""
    monkeypatch.setattr(ranking, "CHUNK_ELEMENTS", chunk)
    rng = np.random.default_rng(5)
    distances = rng.random((40, 90)) if levels is None else rng.integers(levels, size=(40, 90)) / levels
    query_ids, gallery_ids = rng.integers(-1, 28, 40), rng.integers(-1, 25, 90)
    query_cameras, gallery_cameras = rng.integers(1, 5, 40), rng.integers(1, 5, 90)
    if rule == "market-1501":
        query_ids = np.abs(query_ids)
    expected = loop(distances, query_ids, query_cameras, gallery_ids, gallery_cameras, rule)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cameras = {"query_cameras": query_cameras, "gallery_cameras": gallery_cameras}
        there = torch.from_numpy(distances).to(device)
        scores = score(there, query_ids=query_ids, gallery_ids=gallery_ids, **cameras, rule=rule)
    assert bool(caught) == (levels is not None)
    np.testing.assert_allclose(scores.cmc, expected[0][: len(scores.cmc)], atol=1e-12)
    assert len(scores.cmc) == 20
    assert (scores.mean_ap, scores.mean_inp) == pytest.approx(expected[1:3], abs=1e-12)
    assert scores.valid_queries == expected[3]


GOOD = {"query_ids": [1, 2], "gallery_ids": [1, 2, 3], "rule": "sysu-mm01"}
GOOD |= {"query_cameras": [3, 6], "gallery_cameras": [1, 1, 2]}


def attempt(distances=None, **changes):
    return score(np.random.default_rng(0).random((2, 3)) if distances is None else distances, **GOOD | changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_distances_that_are_not_finite(value):
    distances = np.ones((2, 3))
    distances[1, 2] = value
    with pytest.raises(ValueError, match="query 1 to gallery image 2"):
        attempt(distances)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"rule": "sysu"}, "rule 'sysu' is not known; .*'sysu-mm01', 'regdb', 'llcm', 'market-1501'"),
        ({"query_ids": [1]}, r"query_ids has shape \(1,\).*\(2,\)"),
        ({"gallery_ids": [[1, 2, 3]]}, r"gallery_ids has shape \(1, 3\)"),
        ({"query_cameras": [3, 6, 6]}, "query_cameras has shape"),
        ({"gallery_cameras": None}, "rule 'sysu-mm01' removes gallery images by camera: give gallery_cameras"),
        ({"gallery_cameras": ["a/1", "a/two", "a/3"]}, "gallery_cameras holds 'a/two'"),
        ({"gallery_ids": ["1", "2", "3"]}, "none could ever match"),
        ({"query_ids": [1.5, 2]}, "query_ids holds float64"),
        ({"query_ids": [None, "a"]}, r"query_ids\[0\] is None"),
        ({"query_ids": np.array([1, "a"], dtype=object)}, r"query_ids\[1\] is .a.; give all as integers"),
        ({"query_ids": [8, 9]}, "none of the 2 queries has a right image among the 3 gallery images"),
    ],
)
def test_arguments_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        attempt(**changes)
