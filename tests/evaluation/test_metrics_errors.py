"""What `score` refuses, and whether it says why."""

import numpy as np
import pytest

from vireid_lib.evaluation import score

GOOD = {
    "query_ids": [1, 2],
    "gallery_ids": [1, 2, 3],
    "query_cameras": [3, 6],
    "gallery_cameras": [1, 1, 2],
    "rule": "sysu-mm01",
}


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
