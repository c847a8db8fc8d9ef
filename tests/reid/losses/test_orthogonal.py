"""DEEN's orthogonal loss: the released value and gradient, more branches, none."""

import oracle_files
import pytest
import torch

from vireid_lib.reid.layers import average_pool
from vireid_lib.reid.losses.orthogonal import orthogonal


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_the_release(dtype: torch.dtype) -> None:
    data = oracle_files.read("losses/deen_orthogonal")
    maps = data["in.feature_map"].to(dtype).requires_grad_()
    pooled = average_pool(maps)
    torch.testing.assert_close(pooled.double(), data["out.x_pool"], rtol=1e-5, atol=1e-6)
    loss = orthogonal(pooled.chunk(3)[1:], form="release")
    loss.backward()
    limit = 1e-9 if dtype == torch.float64 else 2e-5
    expected = data["out.grad_feature_map"]
    assert loss.item() == pytest.approx(float(data["out.loss_ort"]), rel=limit)
    assert (maps.grad.double() - expected).abs().max() <= limit * expected.abs().max()


def test_every_pair_of_branches_counts_once() -> None:
    branches = torch.rand(3, 5, 7).unbind()
    expected = sum(float(branches[m][row] @ branches[n][row]) for row in range(5) for m, n in ((0, 1), (0, 2), (1, 2)))
    assert float(orthogonal(branches)) == pytest.approx(expected / 5, rel=1e-5)
    assert float(orthogonal(branches, form="release")) == pytest.approx(expected / 20, rel=1e-5)


def test_one_branch_has_nothing_to_be_orthogonal_to() -> None:
    assert float(orthogonal([torch.rand(3, 4)])) == 0.0
    with pytest.raises(ValueError, match="at least one generated branch"):
        orthogonal([])
