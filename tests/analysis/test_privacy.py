"""The audit finds copies that were planted, in whatever disguise, and lets fresh images pass."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from vireid_lib.analysis.privacy import audit_pixels


@pytest.fixture(scope="module")
def world():
    """Blurred noise: thirty identities, two cameras, three nearly equal frames of each; and fresh images of nobody."""
    rng = np.random.default_rng(0)

    def picture(count):
        noise = gaussian_filter(rng.normal(size=(count, 48, 24, 1)), (0, 3, 3, 0))
        return np.clip(128 + 400 * noise, 0, 255).repeat(3, axis=3)

    def photographed(pictures):
        return np.clip(pictures + rng.normal(0, 2, pictures.shape), 0, 255).astype(np.uint8)

    training = photographed(picture(60).repeat(3, axis=0))
    rows = [{"identity": f"p{i // 6}", "camera": f"c{i // 3 % 2}"} for i in range(180)]
    return training, pd.DataFrame(rows), np.ones(180, bool), photographed(picture(80))


def _disguised(image, how):
    image = image.astype(float)
    changed = {
        "exact": image,
        "mirrored": image[:, ::-1],
        "brighter": image * 0.9 + 15,
        "noisy": image + np.random.default_rng(1).normal(0, 3, image.shape),
    }[how]
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("how", ["exact", "mirrored", "brighter", "noisy"])
def test_a_planted_copy_is_flagged_and_its_original_named(world, how):
    training, table, real, fresh = world
    synthetic = fresh.copy()
    planted = {4: 7, 21: 33}
    for place, original in planted.items():
        synthetic[place] = _disguised(training[original], how)
    found = audit_pixels(synthetic, training, table, real)
    assert set(np.argsort(found.distances)[:2]) == set(planted) and found.flagged[list(planted)].all()
    for place, original in planted.items():
        assert found.nearest[place] // 3 == original // 3  # its moment: the frames of one are nearly equal
    if how == "exact":
        assert {place: int(found.nearest[place]) for place in planted} == planted
        assert found.distances[list(planted)] == pytest.approx(0, abs=1e-9)


def test_fresh_images_pass_and_a_gallery_of_copies_does_not(world):
    training, table, real, fresh = world
    assert audit_pixels(fresh, training, table, real).rate <= 0.05
    copies = audit_pixels(training[:20], training, table, real)
    assert copies.rate == 1 and "100.0% of 20 synthetic" in str(copies)


def test_frames_of_one_moment_do_not_lower_the_threshold(world):
    """Were they counted, real images would lie as near to each other as copies do, and no copy would be flagged."""
    training, table, real, fresh = world
    found = audit_pixels(fresh, training, table, real)
    assert found.threshold > 0.3 and found.real.min() > 0.2
