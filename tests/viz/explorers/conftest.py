"""Image files and the table of a small data set in SYSU-MM01's layout; what a notebook would show."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

CAMERAS = {1: "visible", 2: "visible", 3: "infrared", 6: "infrared"}


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """Five people, four cameras, two images each; each person has a colour."""
    folder, random, rows = tmp_path_factory.mktemp("images"), np.random.default_rng(0), []
    for person in range(5):
        colour = random.integers(40, 216, 3)
        for camera, modality in CAMERAS.items():
            for image in range(2):
                path = folder / f"{person}_{camera}_{image}.png"
                pixels = colour if modality == "visible" else np.full(3, colour.mean())
                noise = random.integers(-20, 20, (32, 16, 3))
                Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(path)
                rows.append(
                    {
                        "path": str(path),
                        "identity": f"set/{person}",
                        "camera": f"set/{camera}",
                        "modality": modality,
                        "split": "test",
                        "source": "real",
                    }
                )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def network():
    """A small network that nobody has trained, and its settings."""
    from vireid_lib.reid import methods

    kind = methods.method_class("agw").config_class
    config = kind(backbone="small", pretrained=None, height=64, width=32)
    return methods.build("agw", config, 5).network.eval(), config


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show, without anybody in front of it."""
    from vireid_lib.viz import widgets

    pictures = []
    monkeypatch.setattr(widgets, "_show", lambda figure, handle=None: pictures.append(figure))
    return pictures
