"""The variational auto-encoder: it decodes as any camera; the terms of its bound."""

import numpy as np
import pytest
import torch

from vireid_lib.generators.vae import ConditionalVae, divergence
from vireid_lib.training import seeds


def test_what_is_decoded_depends_on_the_camera(learnt, pixels_of):
    generator, _ = learnt("vae")
    images = pixels_of(generator, "visible")[:4]
    codes = generator.encode(images, "visible")
    own, infrared = (generator.decode(codes, [camera] * 4).astype(float) for camera in ("toy/1", "toy/3"))
    assert np.abs(own - images).mean() < 0.5 * np.abs(infrared - images).mean()
    drawn = torch.randn(3, generator.config.latent, generator=seeds.generator(0, "latent space"))
    pairs = [generator.decode(drawn, [camera] * 3) for camera in ("toy/1", "toy/3")]
    assert [pair.shape for pair in pairs] == [(3, 32, 24, 3)] * 2
    assert np.ptp(pairs[1].mean((0, 1, 2))) < 10 < np.ptp(pairs[0].mean((0, 1, 2)))  # infrared is grey
    with pytest.raises(ValueError, match="camera 'toy/9'"):
        generator.decode(codes, ["toy/9"] * 4)
    with pytest.raises(ValueError, match="not 'thermal'"):
        generator.encode(images, "thermal")


def test_terms_of_the_bound_against_torch_distributions(tiny):
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 5), torch.randn(3, 5)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    network = ConditionalVae(tiny("vae"), 3)
    images, modality, domain = torch.rand(4, 3, 32, 24), torch.eye(2).repeat(2, 1), torch.eye(4, 3)
    noise = torch.randn(4, 8)
    likelihood, from_prior = network(images, modality, domain, noise)
    mean, log_variance = network.encode(images, modality)
    rebuilt = network.decode(mean + noise * (log_variance / 2).exp(), domain).detach()
    normals = (torch.distributions.Normal(rebuilt, deviation) for deviation in np.linspace(0.2, 1.0, 400))
    found = [float(-each.log_prob(images).sum() / 4) for each in normals]
    assert likelihood.item() == pytest.approx(min(found), rel=1e-4) and max(found) > 1.2 * min(found)
    torch.testing.assert_close(from_prior, divergence(mean, log_variance).mean())
