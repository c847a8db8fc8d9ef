"""Chapter 01's demonstrations: they agree with the library's scores and show what they claim."""

import numpy as np
import pandas as pd
import pytest
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


def test_counting_identities_once_gives_the_scores_of_the_library():
    features, trial = _trial()
    found, counted = lessons.score_trial(features, trial, "sysu-mm01"), lessons.counting(features, trial, "sysu-mm01")
    assert counted.loc["each identity once"].tolist() == pytest.approx([100 * found.rank(k) for k in (1, 5, 10, 20)])


def test_counting_images_is_never_kinder_and_the_same_at_rank_one():
    counted = lessons.counting(*_trial(), "sysu-mm01")
    assert counted.loc["every image", "rank-1"] == counted.loc["each identity once", "rank-1"]
    assert (counted.loc["every image"] <= counted.loc["each identity once"]).all()


def test_swapping_asks_the_gallery():
    features, trial = _trial()
    query, gallery = trial.gallery, trial.query
    expected = score(
        cosine_distance(features[query.index], features[gallery.index]),
        query_ids=query["identity"].to_numpy(), gallery_ids=gallery["identity"].to_numpy(), rule="regdb",
    )  # fmt: skip
    assert lessons.score_trial(features, trial, "regdb", swapped=True).mean_ap == expected.mean_ap


def test_the_luckiest_of_many_is_no_better_on_the_other_half():
    features, trial = _trial(people=40, seed=3)
    table = lessons.chosen_on_the_test_set(features, trial, "sysu-mm01", candidates=12)
    assert table.shape == (12, 2)
    assert table["choosing half"].max() > table["choosing half"].mean() + 1
    # Noise of its own: who is lucky on one half is not for that lucky on the other.
    assert abs(table.corr().iloc[0, 1]) < 0.6
    pd.testing.assert_frame_equal(table, lessons.chosen_on_the_test_set(features, trial, "sysu-mm01", candidates=12))


def test_a_fresh_cut_shares_about_half_its_test_with_another_cuts_training():
    seen = lessons.seen_in_training(412)
    assert seen[1] == 0 and seen[2:].between(40, 60).all() and len(seen) == 10


def test_untrained_features_ignore_brightness():
    pixels = np.random.default_rng(0).integers(0, 100, (2, 64, 32, 3), dtype=np.uint8)
    found = lessons.untrained_features(np.concatenate([pixels, pixels + 50]))
    assert found.shape == (4, 128)
    torch.testing.assert_close(found[:2], found[2:], atol=1e-5, rtol=0)
