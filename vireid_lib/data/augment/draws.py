"""What every augmentation uses: the type of its images, and the draw of which images it changes."""

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

Images = Float[Tensor, "batch 3 height width"]


def chosen(images: Tensor, generator: Generator, probability: float) -> Bool[Tensor, "batch 1 1 1"]:
    """Which images a change is made to: each with the same probability."""
    draws = torch.rand(len(images), generator=generator, device=generator.device)
    return (draws < probability).to(images.device)[:, None, None, None]
