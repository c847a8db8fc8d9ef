"""Arrays that a stage leaves for the chapters: pictures, maps, curves, in one safetensors file."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from vireid_lib.book.records import StageRecord

FILE = "arrays.safetensors"


def save(folder: Path, **arrays: np.ndarray) -> None:
    """Write the arrays into a stage's folder, by name."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, Path(folder) / FILE)


def load(record: StageRecord) -> dict[str, np.ndarray]:
    """The arrays that the stage saved."""
    return load_file(record.folder / FILE)
