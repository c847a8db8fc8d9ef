"""Chapter 01's ranking without learning agrees with the library's scores."""

import numpy as np
import torch

from vireid_lib.book import lessons
from vireid_lib.evaluation import cosine_distance, score


def test_swapping_asks_the_gallery(made_up_trial):
    features, trial = made_up_trial()
    query, gallery = trial.gallery, trial.query
    expected = score(
        cosine_distance(features[query.index], features[gallery.index]),
        query_ids=query["identity"].to_numpy(),
        gallery_ids=gallery["identity"].to_numpy(),
        rule="regdb",
    )
    assert lessons.score_trial(features, trial, "regdb", swapped=True).mean_ap == expected.mean_ap


def test_untrained_features_ignore_brightness():
    pixels = np.random.default_rng(0).integers(0, 100, (2, 64, 32, 3), dtype=np.uint8)
    found = lessons.untrained_features(np.concatenate([pixels, pixels + 50]))
    assert found.shape == (4, 128)
    torch.testing.assert_close(found[:2], found[2:], atol=1e-5, rtol=0)
