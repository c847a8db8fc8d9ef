"""A frozen network in half precision, for as long as it is needed so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def frozen_in(network: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Hold what is frozen of `network` in `dtype`; afterwards it is as it was, bit for bit.

    Autocast would cast each weight anew at every use, and a training keep each of those copies for its backward pass.
    """
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    kept = [parameter.data for parameter in frozen]
    try:
        for parameter in frozen:
            parameter.data = parameter.data.to(dtype)
        yield
    finally:
        for parameter, data in zip(frozen, kept, strict=True):
            parameter.data = data
