"""Chapter 01's ranking without learning agrees with the library's scores."""

import numpy as np
import pandas as pd
import torch

from vireid_lib.book import lessons
from vireid_lib.evaluation import Trial, cosine_distance, score


def _trial(people: int = 12, seed: int = 0) -> tuple[torch.Tensor, Trial]:
    rows = [
        {"path": f"/{person}/{camera}/{image}.jpg", "identity": f"set/{person}", "camera": f"set/{camera}",
         "split": "test"}
        for person in range(people)
        for camera in (1, 2, 3, 6)
        for image in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(people, 16, generator=generator)
    noise = torch.randn(len(table), 16, generator=generator)
    features = own.repeat_interleave(8, 0) + 1.5 * noise
    asks = table["camera"].isin(["set/3", "set/6"])
    return features, Trial(table[asks], table[~asks], "one")


def test_swapping_asks_the_gallery():
    features, trial = _trial()
    query, gallery = trial.gallery, trial.query
    expected = score(
        cosine_distance(features[query.index], features[gallery.index]),
        query_ids=query["identity"].to_numpy(), gallery_ids=gallery["identity"].to_numpy(), rule="regdb",
    )  # fmt: skip
    assert lessons.score_trial(features, trial, "regdb", swapped=True).mean_ap == expected.mean_ap


def test_untrained_features_ignore_brightness():
    pixels = np.random.default_rng(0).integers(0, 100, (2, 64, 32, 3), dtype=np.uint8)
    found = lessons.untrained_features(np.concatenate([pixels, pixels + 50]))
    assert found.shape == (4, 128)
    torch.testing.assert_close(found[:2], found[2:], atol=1e-5, rtol=0)
