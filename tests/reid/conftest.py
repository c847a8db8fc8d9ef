"""What the tests of methods share: little coloured images of identities, batches of noise, and a broken training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from toys import stopped

from vireid_lib.data import tables
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Batch
from vireid_lib.reid.train import ReidTask, train_reid


@pytest.fixture
def coloured(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Writes images of identities that differ by the brightness of four bands, and returns their table.

    The bands' brightness is the same in both modalities and their hue is not, so a network must learn to
    look past the hue.
    """

    def write(
        identities: int = 12, images: int = 4, dataset: str = "toy", split: str = "train", seed: int = 0
    ) -> pd.DataFrame:
        random, rows = np.random.default_rng([seed, len(dataset)]), []
        folder = tmp_path / dataset
        folder.mkdir()
        for identity in range(identities):
            bands = random.uniform(0.1, 0.9, 4)
            hue = random.uniform(0.5, 1.5, (4, 3))
            for modality, camera in (("visible", 1), ("infrared", 3)):
                for number in range(images):
                    colours = bands[:, None] * (hue if modality == "visible" else np.ones((4, 3)))
                    pixels = np.repeat(np.repeat(colours[:, None], 16, 0), 32, 1)
                    pixels = pixels * random.uniform(0.9, 1.1) + random.normal(0, 0.05, (64, 32, 3))
                    path = folder / f"{identity:03d}_{modality}_{number}.png"
                    Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).save(path)
                    place = {"identity": f"{dataset}/{identity:03d}", "camera": f"{dataset}/{camera}"}
                    rows.append({"path": str(path), **place, "modality": modality, "split": split})
        return tables.build(rows, dataset)

    return write


@pytest.fixture
def random_batch() -> Callable[..., Batch]:
    """Makes P identities × K images of noise in each modality."""

    def make(identities: int = 4, images: int = 2, height: int = 64, width: int = 32) -> Batch:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(identities).repeat_interleave(images)
        rows = torch.arange(len(labels))
        visible, infrared = torch.rand(2, len(labels), 3, height, width, generator=generator)
        return Batch(visible, infrared, labels, labels, rows, rows, generator)

    return make


@pytest.fixture
def broken_training(tmp_path: Path) -> Callable[..., tuple]:
    """Trains once as a whole, and once broken after a step; returns the first network, and what continues the other."""

    def train(table: pd.DataFrame, config: ReidConfig, at: int = 4, every: int = 3) -> tuple[torch.nn.Module, Callable]:
        options = {"seed": 2, "cache": None, "checkpoint_every": every, "progress": False, "device": "cpu"}
        whole = train_reid(table, config, tmp_path / "whole", **options)
        with stopped(ReidTask, at):
            train_reid(table, config, tmp_path / "broken", **options)
        return whole, lambda: train_reid(table, config, tmp_path / "broken", **options)

    return train
