"""The symbols of the chapters' equations stand for what the library computes with."""

import pytest
import torch

from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.viz import equations


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_noise_follows_from_whatever_is_predicted(prediction):
    z, noise = torch.randn(2, 3, 4, 4, 2, generator=torch.Generator().manual_seed(0))
    alphas = torch.full((3,), 0.64)
    noised, target = diffuse(z, noise, alphas, prediction)
    torch.testing.assert_close(equations.as_noise(target, noised, 0.8, 0.6, prediction), noise)


def test_denoising_takes_images_of_both_modalities_under_their_prompts(tiny_book):
    model, rows = tiny_book.generator("dive").model, tiny_book.fitted_rows("dive")
    given = equations.denoising(model, rows, images=4)
    assert given.z.shape == given.epsilon.shape and len(given.prompts) == len(given.z) == 4
    assert given.alpha**2 + given.sigma**2 == pytest.approx(1)
    z_t = given.alpha * given.z + given.sigma * given.epsilon
    first, again = given.predict(z_t), given.predict(z_t)
    assert first.shape == z_t.shape and torch.equal(first, again) and not first.requires_grad
    assert all(text.startswith("a ") and text.endswith(" person") for text in given.prompts)
