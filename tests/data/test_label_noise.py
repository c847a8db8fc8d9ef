"""Label noise: the exact share, no image keeps its label, the same on each call, no identity lost."""

import numpy as np
import pytest

from vireid_lib.data.label_noise import replace_labels

LABELS = np.repeat(np.arange(10), 30)
VISIBLE = np.arange(300) % 30 < 20


@pytest.mark.parametrize("share, visible, infrared", [(0.0, 0, 0), (0.2, 40, 20), (0.07, 14, 7), (0.031, 7, 4)])
def test_the_share_of_each_modality_is_exact(share, visible, infrared):
    noisy = replace_labels(LABELS, VISIBLE, share, seed=3)
    wrong = noisy != LABELS
    assert (wrong[VISIBLE].sum(), wrong[~VISIBLE].sum()) == (visible, infrared)
    assert noisy.dtype == LABELS.dtype and set(noisy.tolist()) == set(range(10))


def test_other_identities_are_equally_likely():
    labels = np.repeat(np.arange(4), 3000)
    noisy = replace_labels(labels, np.arange(12000) % 2 == 0, 0.5, seed=1)
    counts = np.histogram2d(labels, noisy, bins=np.arange(5))[0]
    off = counts[~np.eye(4, dtype=bool)]
    assert np.abs(off - 500).max() < 75
    assert len(set((noisy != labels).reshape(4, -1).sum(1).tolist())) > 1  # images are drawn, not identities


def test_a_seed_gives_the_same_labels_and_another_others():
    before = LABELS.copy()
    first, again, other = (replace_labels(LABELS, VISIBLE, 0.2, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(LABELS, before)


def test_spared_images_keep_their_label_and_lend_none():
    spare = LABELS >= 7
    noisy = replace_labels(LABELS, VISIBLE, 0.5, seed=0, spare=spare)
    assert np.array_equal(noisy[spare], LABELS[spare])
    assert noisy[~spare].max() < 7 and (noisy != LABELS).sum() == 70 + 35
