"""The same bits again: kernels that have a choice, and the number of threads; both as before afterwards."""

import pytest
import torch

from vireid_lib.training.determinism import deterministic_kernels, threads

ROWS = torch.randint(0, 4, (200_000,), generator=torch.Generator().manual_seed(0))


def gradient() -> torch.Tensor:
    """Of a table of which each row is chosen many times, by values of very different size."""
    table = torch.zeros(4, 8, requires_grad=True)
    weights = torch.logspace(-6, 6, len(ROWS))[torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(1))]
    (table[ROWS] * weights[:, None]).sum().backward()
    return table.grad


def test_a_gradient_of_chosen_rows_is_the_same_again():
    """Threads that add to one row come in any order: without deterministic kernels some of these differ."""
    with threads(2), deterministic_kernels():
        first = gradient()
        assert all(torch.equal(first, gradient()) for _ in range(20))


@pytest.mark.parametrize("wanted", [True, False])
def test_everything_is_as_before_afterwards(wanted):
    before = torch.get_num_threads()
    with pytest.raises(KeyError), threads(before + 1, wanted), deterministic_kernels(wanted):
        assert torch.get_num_threads() == before + wanted
        assert torch.are_deterministic_algorithms_enabled() == wanted
        raise KeyError
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
