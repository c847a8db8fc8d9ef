"""The variational auto-encoder: it learns, resumes, decodes as any camera, and refuses."""

import numpy as np
import pytest
import torch

from vireid_lib.generators import build
from vireid_lib.generators.vae import ConditionalVae, VaeConfig, VaeTask, divergence

TINY = {
    "height": 32,
    "width": 24,
    "halvings": 3,
    "network_width": 8,
    "latent": 8,
    "batch": 4,
    "steps": 6,
    "checkpoint_every": 2,
}


@pytest.fixture(scope="module")
def learnt(fit_to_toys):
    settings = {"network_width": 16, "batch": 8, "steps": 100, "learning_rate": 4e-3, "checkpoint_every": 0}
    return fit_to_toys("vae", VaeConfig.small(**TINY | settings))


def test_the_bound_falls(learnt):
    _, total = learnt[0].history.column("total")
    assert total[-1] < total[0] - 1000  # nats of 2,304 values


def test_translations_are_closer_to_the_target_modality_than_the_input_is(learnt, still_to_go):
    assert still_to_go(learnt[0]) < 0.5


def test_what_is_decoded_depends_on_the_camera(learnt, toy_people, modality_pixels):
    images = modality_pixels(toy_people, "visible")[:4]
    codes = learnt[0].encode(images, "visible")
    own, infrared = (learnt[0].decode(codes, [camera] * 4).astype(float) for camera in ("toy/1", "toy/3"))
    assert np.abs(own - images).mean() < 0.5 * np.abs(infrared - images).mean()
    pairs = learnt[0].from_latent_space(3, 0, ["toy/1", "toy/3"])
    assert [pair.shape for pair in pairs] == [(3, 32, 24, 3)] * 2
    assert np.ptp(pairs[1].mean((0, 1, 2))) < 10 < np.ptp(pairs[0].mean((0, 1, 2)))  # infrared is grey
    assert np.array_equal(learnt[0].from_latent_space(3, 0, ["toy/3"])[0], pairs[1])
    with pytest.raises(ValueError, match="camera 'toy/9'"):
        learnt[0].decode(codes, ["toy/9"] * 4)
    with pytest.raises(ValueError, match="not 'thermal'"):
        learnt[0].encode(images, "thermal")
    with pytest.raises(ValueError, match="32x24"):
        learnt[0].translate(np.zeros((1, 30, 24, 3), np.uint8), "", "toy/3")


def test_a_gallery_of_external_people(learnt, check_gallery):
    check_gallery("vae", learnt)


def test_resume_is_bitwise(check_resume):
    check_resume("vae", VaeConfig.small(**TINY), VaeTask, stop=5, started_at=4, where="losses")


def test_terms_of_the_bound_against_torch_distributions():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 5), torch.randn(3, 5)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    network = ConditionalVae(VaeConfig.small(**TINY), 3)
    images, modality, domain = torch.rand(4, 3, 32, 24), torch.eye(2).repeat(2, 1), torch.eye(4, 3)
    noise = torch.randn(4, 8)
    likelihood, from_prior = network(images, modality, domain, noise)
    mean, log_variance = network.encode(images, modality)
    rebuilt = network.decode(mean + noise * (log_variance / 2).exp(), domain).detach()
    found = [
        float(-torch.distributions.Normal(rebuilt, deviation).log_prob(images).sum() / 4)
        for deviation in np.linspace(0.2, 1.0, 400)
    ]
    assert likelihood.item() == pytest.approx(min(found), rel=1e-4) and max(found) > 1.2 * min(found)
    torch.testing.assert_close(from_prior, divergence(mean, log_variance).mean())


def test_sizes_are_judged_at_once():
    with pytest.raises(ValueError, match="multiples of 16"):
        VaeConfig(height=72)
    with pytest.raises(ValueError, match="multiple of 8"):
        VaeConfig(network_width=20)


@pytest.mark.slow
def test_one_update_at_the_published_size(toy_people, tmp_path):
    generator = build("vae", VaeConfig(steps=1), device="cpu", progress=False)
    generator.fit(toy_people, tmp_path)
    assert np.isfinite(generator.history[-1]["total"])
    assert generator.translate(np.zeros((1, 128, 64, 3), np.uint8), "", "toy/3").shape == (1, 128, 64, 3)
