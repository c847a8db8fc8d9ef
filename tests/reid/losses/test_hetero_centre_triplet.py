"""Hetero-centre triplet: values and gradients of the release, a naive loop, what it refuses."""

from collections.abc import Callable

import oracle_files
import pytest
import torch
from torch import Tensor

from vireid_lib.reid.losses.centres import identity_centres
from vireid_lib.reid.losses.hetero_centre_triplet import hetero_centre_triplet


@pytest.mark.parametrize("oracle", oracle_files.names("losses/hetero_center_triplet_*"))
def test_release(oracle: str, check_oracle: Callable) -> None:
    margin = oracle_files.meta(oracle).get("margin", oracle_files.in_name(oracle, "m", 0.3))

    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        return hetero_centre_triplet(*rows.chunk(2), *labels.chunk(2), margin=margin)

    check_oracle(oracle, loss, {"in.feats": "out.grad"})


def test_naive_loop_with_unequal_counts_in_any_order() -> None:
    generator = torch.Generator().manual_seed(2)
    visible, infrared = (torch.randn(n, 4, generator=generator, dtype=torch.float64) for n in (9, 7))
    labels = torch.tensor([5, 2, 8, 5, 2, 8, 8, 8, 2]), torch.tensor([2, 8, 5, 5, 5, 2, 8])
    centres = []
    for rows, identities in zip((visible, infrared), labels, strict=True):
        for name in (2, 5, 8):
            mine = [row for row, label in zip(rows, identities.tolist(), strict=True) if label == name]
            centres.append((name, sum(mine) / len(mine)))
    expected = 0.0
    for name, centre in centres:
        positive = max(float((centre - c).norm()) for n, c in centres if n == name)
        negative = min(float((centre - c).norm()) for n, c in centres if n != name)
        expected += max(0.0, positive - negative + 0.5) / 6
    assert hetero_centre_triplet(visible, infrared, *labels, margin=0.5).item() == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(identity_centres(visible, labels[0])[0][1], centres[1][1])


def test_errors() -> None:
    rows, zeros, labels = torch.rand(4, 3), torch.zeros(4, dtype=torch.int64), torch.tensor([0, 0, 1, 1])
    with pytest.raises(ValueError, match="Label 1 has visible images in the batch and no infrared one"):
        hetero_centre_triplet(rows, rows, labels, zeros)
    with pytest.raises(ValueError, match="Label 1 has infrared images in the batch and no visible one"):
        hetero_centre_triplet(rows, rows, zeros, labels)
    with pytest.raises(ValueError, match="same identity: a triplet loss needs at least two"):
        hetero_centre_triplet(rows, rows, zeros, zeros)
