"""Features of a table's images by a trained network, ready to be ranked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.augment import normalise
from vireid_lib.data.images import TablePixels, to_float
from vireid_lib.evaluation.evaluator import refuse_non_finite
from vireid_lib.reid.config import ReidConfig


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, afterwards as it was."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


@torch.no_grad()
def extract(
    network: nn.Module, table: pd.DataFrame, config: ReidConfig, cache: Path | None, *, batch_size: int = 128
) -> Float[Tensor, "rows dim"]:
    """Features in the order of the table's rows, float32 on the CPU. Each image passes the stream of its modality, by
    the network's `features(images, modality)`, on the network's device. With `config.flip_at_test`, the features of the
    image and of its mirror image are averaged. Then they are L2-normalised, unless `config.similarity` is "dot".
    `cache` is the folder of decoded images, or None to keep them in memory. Raises ValueError: the table is empty, or a
    feature is NaN or infinite; names the image."""
    if table.empty:
        raise ValueError("The table has no rows: there is nothing to extract features from.")
    pixels, features = TablePixels(table, (config.height, config.width), cache), None
    device = next(network.parameters()).device
    with evaluating(network):
        for modality in ("visible", "infrared"):
            rows = np.flatnonzero(table["modality"] == modality)
            for start in range(0, len(rows), batch_size):
                some = rows[start : start + batch_size]
                images = normalise(to_float(pixels[some], device, channels_last=config.channels_last))
                with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                    found = network.features(images, modality).float()
                    if config.flip_at_test:
                        found = (found + network.features(images.flip(3), modality).float()) / 2
                found = (F.normalize(found) if config.similarity == "cosine" else found).cpu()
                features = torch.empty(len(table), found.shape[1]) if features is None else features
                features[torch.from_numpy(some)] = found
    refuse_non_finite(features, table)
    return features
