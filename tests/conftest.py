"""What oracles of several packages share."""

from collections.abc import Callable

import vireid_lib  # noqa: F401  (before torch, whose threads read how long to wait when they are loaded)

# isort: split
import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def closed_form() -> Callable[[str, int, list[int], dict], torch.Tensor]:
    """The oracles' rule: a weight from its name, its place in the list, its shape and the constants."""

    def value(name: str, place: int, shape: list[int], rule: dict) -> torch.Tensor:
        index = np.arange(int(np.prod(shape)), dtype=np.uint64)
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is exact modulo 2^32
            mixed = index * index * np.uint64(rule["a"]) + index * np.uint64(rule["b"])
            mixed += np.uint64(place * rule["c"] % 2**32)
        uniform = (mixed % np.uint64(2**32)).astype(np.float64) / 2**32 - 0.5
        if name.endswith("running_var"):
            filled = 1 + 0.5 * uniform
        elif name.endswith(("bias", "running_mean")):
            filled = 0.1 * uniform
        elif len(shape) == 1:
            filled = 0.6 + 0.3 * uniform
        else:
            share = 0.5 if "NL_" in name else 0.3 if "MFA" in name else 1.0
            filled = share * np.sqrt(12) * uniform * np.sqrt(2 / np.prod(shape[1:]))
        return torch.from_numpy(filled.reshape(shape))

    return value
