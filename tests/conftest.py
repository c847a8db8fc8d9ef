"""What oracles of several packages share."""

from collections.abc import Callable

import vireid_lib  # noqa: F401  (before torch, whose threads read how long to wait when they are loaded)

# isort: split
import numpy as np
import pytest
import torch
from PIL import Image

LLCM_CAMERAS = {"visible": (1, 2, 3), "infrared": (1, 2)}
"""Of the tiny LLCM's people; as in the whole set, camera 3 has no infrared images."""


@pytest.fixture(scope="session")
def llcm_root(tmp_path_factory):
    """Folder of a tiny LLCM: three people to learn from, two images of 32x32 pixels by each camera, and one of the
    test."""
    root, draw = tmp_path_factory.mktemp("tiny") / "LLCM", np.random.default_rng(0)

    def picture(path, modality):
        shade = (200, 90, 60) if modality == "visible" else (120, 120, 120)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(draw.normal(0, 20, (32, 32, 1)) + shade, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)

    (root / "idx").mkdir(parents=True)
    for modality, named in (("visible", "vis"), ("infrared", "nir")):
        lines = [f"{named}/{person:04d}/{person:04d}_c{camera:02d}_s9_f{frame}_{named}.png {label}"
                 for label, person in enumerate((3, 4, 8)) for camera in LLCM_CAMERAS[modality]
                 for frame in range(2)]  # fmt: skip
        for line in lines:
            picture(root / line.split()[0], modality)
        (root / f"idx/train_{named}.txt").write_text("\n".join(lines))
        for camera in range(1, 10):
            (root / f"test_{named}/cam{camera}").mkdir(parents=True)
        picture(root / f"test_{named}/cam1/0012/0012_c01_s9_f0_{named}.png", modality)
    (root / "idx/test_id.txt").write_text("12")
    return root


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
