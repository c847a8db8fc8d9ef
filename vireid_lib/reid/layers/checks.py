"""What images a network takes."""

import torch
from torch import Tensor


def check_images(images: Tensor, modality: str) -> None:
    """Refuse what the networks cannot take, with a clearer message than a convolution's. Raises ValueError: an unknown
    modality, or images that are not floating-point [batch, 3, height, width]."""
    if modality not in ("visible", "infrared"):
        raise ValueError(f"modality is {modality!r}; it must be 'visible' or 'infrared'")
    if images.ndim != 4 or images.shape[1] != 3 or not torch.is_floating_point(images):
        raise ValueError(f"{modality} images: {images.dtype} {list(images.shape)}; give floats [n, 3, height, width]")


def check_batch(visible: Tensor, infrared: Tensor) -> None:
    """Refuse a training batch that lacks a modality."""
    for images, modality in ((visible, "visible"), (infrared, "infrared")):
        if len(images) == 0:
            raise ValueError(f"The batch has no {modality} image: training needs both modalities in each batch.")
