"""Brightness of a garment: under its mask, and with variance components that were put in."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.analysis.garment_brightness import garment_brightness, identity_spread


def test_brightness_is_the_mean_under_the_mask():
    pixels = np.zeros((2, 4, 2, 3), np.uint8)
    pixels[0, :2], pixels[1, :2] = 100, 40
    masks = np.zeros((2, 4, 2))
    masks[:, :2], masks[:, 2:] = 0.5, 0.25
    np.testing.assert_allclose(garment_brightness(pixels, masks), [100 * 2 / 3, 40 * 2 / 3])
    np.testing.assert_allclose(garment_brightness(pixels, masks[:1]), garment_brightness(pixels, masks))
    masks[1] = 0
    with pytest.raises(ValueError, match="mask 1 is zero"):
        garment_brightness(pixels, masks)


def drawn(own, counts, deviation, seed=0):
    """(values, identities, cameras): `own` by identity, seen with a deviation, twenty brighter under one camera."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(own)), counts)
    camera = np.arange(len(who)) % 2
    values = own[who] + rng.normal(0, deviation, len(who)) + 20 * camera
    return values, [f"person/{each}" for each in who], [f"camera/{each}" for each in camera]


def test_variances_that_were_put_in_are_found():
    rng = np.random.default_rng(1)
    found = identity_spread(*drawn(rng.normal(90, 12, 600), rng.integers(2, 7, 600), 5.0))
    assert found.between == pytest.approx(144, rel=0.12) and found.within == pytest.approx(25, rel=0.1)
    assert found.kept == pytest.approx(144 / 169, abs=0.03) and found.identities == 600
    anew = identity_spread(*drawn(np.full(600, 90.0), np.full(600, 4), 13.0))
    assert abs(anew.kept) < 0.05 and anew.within == pytest.approx(169, rel=0.1)


def test_what_is_known_of_identities_is_taken_off():
    rng = np.random.default_rng(2)
    colour, own = rng.uniform(0, 1, 500), rng.normal(0, 8, 500)
    values, names, cameras = drawn(100 * colour + own, np.full(500, 4), 4.0)
    known = pd.DataFrame({"colour": colour}, index=[f"person/{each}" for each in range(500)])
    assert identity_spread(values, names, cameras).between > 700
    assert identity_spread(values, names, cameras, known).between == pytest.approx(64, rel=0.15)
    with pytest.raises(ValueError, match="lacks 1 identities"):
        identity_spread(values, names, cameras, known.iloc[1:])
