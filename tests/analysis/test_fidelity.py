"""Measures of a set of images against well-kept implementations, and a case by hand."""

import numpy as np
import prdc
import pytest
import torch

from vireid_lib.analysis import fidelity


def test_frechet_distance_with_fewer_images_than_dimensions_stays_finite_and_bad_input_is_refused():
    rng = np.random.default_rng(2)
    few = rng.normal(size=(4, 30))
    assert 0 < fidelity.frechet_distance(few, rng.normal(size=(5, 30))) < 200
    with pytest.raises(ValueError, match="two or more rows"):
        fidelity.frechet_distance(few[:1], few)
    with pytest.raises(ValueError, match="not finite"):
        fidelity.frechet_distance(np.full((3, 2), np.nan), np.ones((3, 2)))


def test_frechet_distance_agrees_with_torchmetrics():
    """A well-kept implementation, fed with features in place of images."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    rng = np.random.default_rng(5)
    a, b = (torch.from_numpy(rng.normal(shift, 1, (80, 6))) for shift in (0, 0.4))
    metric = FrechetInceptionDistance(feature=_Same(), normalize=True, input_img_size=(6,))
    metric.set_dtype(torch.float64)
    metric.update(a, real=True)
    metric.update(b, real=False)
    assert fidelity.frechet_distance(a.numpy(), b.numpy()) == pytest.approx(float(metric.compute()), rel=1e-5)


class _Same(torch.nn.Module):
    num_features = 6

    def forward(self, rows):
        return rows.double() if rows.ndim == 2 else torch.zeros(1, 6)


def test_colourfulness():
    pixels = np.array([[[[10, 10, 10]]], [[[200, 100, 50]]]], np.uint8)
    assert fidelity.colourfulness(pixels).tolist() == [0, 150]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_manifold_agrees_with_the_reference_implementation(k):
    rng = np.random.default_rng(k)
    real, synthetic = rng.normal(size=(90, 5)), rng.normal(0.4, 0.7, size=(70, 5))
    found = fidelity.manifold(real, synthetic, k=k)
    assert found == pytest.approx(prdc.compute_prdc(real, synthetic, nearest_k=k))
