"""Arrays that a stage leaves for the chapters: pictures, maps, curves, in one safetensors file."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from vireid_lib.experiment.provenance import StageRecord

FILE = "arrays.safetensors"


def save(folder: Path, **arrays: np.ndarray) -> None:
    """Write the arrays into a stage's folder, by name."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, Path(folder) / FILE)


def load(record: StageRecord) -> dict[str, np.ndarray]:
    """The arrays that the stage saved.

    Raises:
        FileNotFoundError, WeightsError: the file is gone or damaged; named with its remedy.
    """
    from vireid_lib.training.weights import read_file  # torch takes a second to come

    return {name: array.numpy() for name, array in read_file(record.folder / FILE).items()}
