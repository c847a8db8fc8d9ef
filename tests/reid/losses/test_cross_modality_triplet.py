"""The cross-modality batch-hard triplet: the release's values and gradients, a naive loop, and errors."""

import oracle_files
import pytest
import torch

from vireid_lib.reid.losses.cross_modality_triplet import cross_modality_triplet


@pytest.mark.parametrize("oracle", oracle_files.names("losses/jsia_triplet_*"))
def test_released_values_and_gradients(check_oracle, oracle):
    about = oracle_files.meta(oracle)
    settings = {"margin": about["margin"], "metric": about["metric"]}

    def loss(visible, infrared, labels):
        return cross_modality_triplet(visible, infrared, labels, labels, **settings)

    gradients = {"in.vis": "out.grad_vis", "in.ir": "out.grad_ir"}
    check_oracle(oracle, loss, gradients)


def test_a_naive_loop():
    stream = torch.Generator().manual_seed(0)
    visible, infrared = torch.randn(6, 4, generator=stream), torch.randn(4, 4, generator=stream)
    ours, theirs = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 0, 1, 1])
    means = []
    for anchors, own, others, other in ((visible, ours, infrared, theirs), (infrared, theirs, visible, ours)):
        terms = []
        for anchor, label in zip(anchors, own, strict=True):
            distances = (others - anchor).norm(dim=1)
            terms.append(max(0.0, float(distances[other == label].max() - distances[other != label].min()) + 0.3))
        means.append(sum(terms) / len(terms))
    assert cross_modality_triplet(visible, infrared, ours, theirs).item() == pytest.approx(sum(means) / 2, rel=1e-5)


def test_an_image_without_partner_is_refused():
    with pytest.raises(ValueError, match="no positive or no negative"):
        cross_modality_triplet(torch.rand(2, 3), torch.rand(2, 3), torch.tensor([0, 1]), torch.tensor([0, 0]))
