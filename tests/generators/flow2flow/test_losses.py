"""Flow2Flow's losses: the release's values and gradients, and a few by hand."""

import math

import oracle_files
import pytest
import torch

from vireid_lib.generators.flow2flow.losses import flow_loss, identity_distance, noise_loss
from vireid_lib.reid.losses.triplets import hard_triplet


def equals_the_release(name, loss, **inputs):
    """Value and gradients of `loss(held, *inputs)`; `inputs` says which gradient of the oracle belongs to each."""
    held = oracle_files.read(name)
    leaves = {place: held[f"in.{place}"].clone().requires_grad_() for place in inputs}
    found = loss(held, *leaves.values())
    found.backward()
    torch.testing.assert_close(found.detach(), held["out.loss"], rtol=1e-10, atol=0)
    for place, gradient in inputs.items():
        torch.testing.assert_close(leaves[place].grad, held[gradient], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", oracle_files.names("losses/f2f_hidden_feature_*"))
def test_released_noise_loss(name):
    equals_the_release(name, lambda held, own: noise_loss(own, held["in.labels"], "ratio"), feats="out.grad")


def test_released_identity_distance_and_triplet():
    def distance(held, first, second):
        return identity_distance(first, second, held["in.labels1"], held["in.labels2"])

    def triplet(held, features):
        return hard_triplet(features, held["in.labels"], margin=oracle_files.meta("losses/f2f_triplet")["margin"])

    equals_the_release("losses/f2f_cross_modality_identity", distance, emb1="out.grad_emb1", emb2="out.grad_emb2")
    equals_the_release("losses/f2f_triplet", triplet, feats="out.grad")


def test_noise_loss_by_hand():
    """Eq. 10 on a line: distances 1 within, 10 and 9 between."""
    latents = torch.tensor([[0.0], [1.0], [10.0]])
    assert noise_loss(latents, torch.tensor([0, 0, 1])).item() == pytest.approx(1 - 9.5)


def test_a_batch_of_one_identity_has_nothing_to_push_apart():
    """The released command's: 10 / max(1, not a number) is 10 in its code."""
    latents, labels = torch.tensor([[0.0], [1.0]], requires_grad=True), torch.tensor([0, 0])
    assert noise_loss(latents, labels).item() == pytest.approx(1)
    loss = noise_loss(latents, labels, "ratio")
    loss.backward()
    assert loss.item() == pytest.approx(11) and latents.grad.flatten().tolist() == [-1, 1]


def test_equal_features_whose_product_rounds_above_one():
    features = torch.full((2, 4), 0.5 + 1e-5).requires_grad_()
    loss = identity_distance(features, features.detach(), torch.tensor([0, 1]), torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(features.grad).all() and loss < 2e-3


@pytest.mark.parametrize("name", oracle_files.names("modules/f2f_realnvp_scales*"))
def test_flow_loss_is_the_released_one_without_constants(name):
    held = oracle_files.read(name)
    constants = held["out.eval_z"][0].numel() * (math.log(2 * math.pi) / 2 + math.log(256))
    loss = flow_loss(held["out.eval_z"], held["out.eval_sldj"]) + constants
    torch.testing.assert_close(loss, held["out.nll"], rtol=1e-10, atol=0)
