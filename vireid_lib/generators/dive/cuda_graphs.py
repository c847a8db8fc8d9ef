"""A network's forward and backward pass, recorded once as CUDA graphs and replayed from then on."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def recorded(network: nn.Module, example: tuple[Tensor, ...]) -> Iterator[None]:
    """Let `network` replay its passes on `example`; afterwards it runs as before, and its graphs' memory is free.

    A denoiser of Stable Diffusion's size takes some 4,700 small kernels a training step; a GPU computes them faster
    than a host can launch them one by one. Parameters must stay where they lie: update them in place.

    Args:
        example: arguments of the forward, on the GPU; each call has to have their shapes and types.
    """
    own = network.forward
    if hasattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch"):
        # Gradients arrive on the stream of the recording, as they must; torch warns of it.
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    try:
        torch.cuda.make_graphed_callables(network, example)
        torch.cuda.empty_cache()  # a recording has memory of its own: that of the trial runs before it is free
        yield
    finally:
        network.forward = own
        gc.collect()  # a recording refers to itself, and would keep the memory of a whole batch
