"""Flow2Flow's losses: the release's values and gradients, and a few by hand."""

import math

import oracle_files
import pytest
import torch

from vireid_lib.generators.flow2flow.losses import flow_loss, identity_distance, noise_loss
from vireid_lib.reid.losses.triplets import hard_triplet


def _leaf(tensor):
    return tensor.clone().requires_grad_()


@pytest.mark.parametrize("name", oracle_files.names("losses/f2f_hidden_feature_*"))
def test_released_noise_loss(name):
    held = oracle_files.read(name)
    features = _leaf(held["in.feats"])
    loss = noise_loss(features, held["in.labels"], "ratio")
    loss.backward()
    torch.testing.assert_close(loss.detach(), held["out.loss"], rtol=1e-10, atol=0)
    torch.testing.assert_close(features.grad, held["out.grad"], rtol=1e-9, atol=1e-12)


def test_noise_loss_by_hand():
    """Eq. 10 on a line: distances 1 within, 10 and 9 between."""
    latents = torch.tensor([[0.0], [1.0], [10.0]])
    labels = torch.tensor([0, 0, 1])
    assert noise_loss(latents, labels).item() == pytest.approx(1 - 9.5)


def test_a_batch_of_one_identity_has_nothing_to_push_apart():
    """The released command's: 10 / max(1, not a number) is 10 in its code."""
    latents, labels = torch.tensor([[0.0], [1.0]], requires_grad=True), torch.tensor([0, 0])
    assert noise_loss(latents, labels).item() == pytest.approx(1)
    loss = noise_loss(latents, labels, "ratio")
    loss.backward()
    assert loss.item() == pytest.approx(11) and latents.grad.flatten().tolist() == [-1, 1]


def test_released_identity_distance():
    held = oracle_files.read("losses/f2f_cross_modality_identity")
    first, second = _leaf(held["in.emb1"]), _leaf(held["in.emb2"])
    loss = identity_distance(first, second, held["in.labels1"], held["in.labels2"])
    loss.backward()
    torch.testing.assert_close(loss.detach(), held["out.loss"], rtol=1e-10, atol=0)
    torch.testing.assert_close(first.grad, held["out.grad_emb1"], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(second.grad, held["out.grad_emb2"], rtol=1e-9, atol=1e-12)


def test_equal_features_whose_product_rounds_above_one():
    features = _leaf(torch.full((2, 4), 0.5 + 1e-5))
    loss = identity_distance(features, features.detach(), torch.tensor([0, 1]), torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(features.grad).all() and loss < 2e-3


def test_released_triplet_is_the_hard_triplet():
    held, margin = oracle_files.read("losses/f2f_triplet"), oracle_files.meta("losses/f2f_triplet")["margin"]
    features = _leaf(held["in.feats"])
    loss = hard_triplet(features, held["in.labels"], margin=margin)
    loss.backward()
    torch.testing.assert_close(loss.detach(), held["out.loss"], rtol=1e-10, atol=0)
    torch.testing.assert_close(features.grad, held["out.grad"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", oracle_files.names("modules/f2f_realnvp_scales*"))
def test_flow_loss_is_the_released_one_without_constants(name):
    held = oracle_files.read(name)
    values = held["out.eval_z"][0].numel()
    constants = values * (math.log(2 * math.pi) / 2 + math.log(256))
    loss = flow_loss(held["out.eval_z"], held["out.eval_sldj"]) + constants
    torch.testing.assert_close(loss, held["out.nll"], rtol=1e-10, atol=0)
