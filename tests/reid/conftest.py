"""Little coloured people to train on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib.data import tables


@pytest.fixture
def coloured_people(tmp_path: Path) -> Callable[..., pd.DataFrame]:
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
                    rows.append(
                        {
                            "path": str(path),
                            "identity": f"{dataset}/{identity:03d}",
                            "camera": f"{dataset}/{camera}",
                            "modality": modality,
                            "split": split,
                        }
                    )
        return tables.build(rows, dataset)

    return write
